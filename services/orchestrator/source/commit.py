"""The commits that Pawl makes itself: the same input gives the same id."""

from datetime import datetime

from services.orchestrator.source.mirror import Mirror

IDENTITY = ("Pawl", "pawl@users.noreply.invalid")


def checkpoint_ref(job_id: str, step_index: int) -> str:
    """Where the checkpoint of a step is kept."""
    return f"refs/pawl/{job_id}/{step_index}"


def snapshot_ref(job_id: str, step_index: int, attempt: int) -> str:
    """Where the work of a step that was stopped or failed is kept."""
    return f"refs/pawl/{job_id}/{step_index}-{attempt}-partial"


async def make_commit(
    mirror: Mirror, *, tree: str, base: str, message: str, job_id: str, time: datetime
) -> str:
    """Makes the commit of `tree` whose single parent is `base`; returns its id.

    `time` is cut to whole seconds, UTC. A ``Pawl-Job`` trailer is added to `message`.
    """
    raise NotImplementedError
