"""The commits that Pawl makes itself: the same input gives the same id."""

import re
from datetime import UTC, datetime

from services.orchestrator.jobs.identity import PAWL, Identity
from services.orchestrator.jobs.plaintext import JOINER
from services.orchestrator.source.git import OBJECT_ID
from services.orchestrator.source.mirror import Mirror

TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S.*")


def checkpoint_ref(job_id: str, step_index: int) -> str:
    """Where the checkpoint of a step is kept."""
    return f"refs/pawl/{job_id}/{step_index}"


def snapshot_ref(job_id: str, step_index: int, attempt: int) -> str:
    """Where the work of a step that was stopped or failed is kept."""
    return f"refs/pawl/{job_id}/{step_index}-{attempt}-partial"


async def make_commit(
    mirror: Mirror,
    *,
    tree: str,
    base: str,
    message: str,
    trailer: str,
    time: datetime,
    author: Identity = PAWL,
) -> str:
    """Makes the commit of `tree` whose single parent is `base`; returns its id.

    `time` is cut to whole seconds, UTC. `trailer`, which names the job, ends `message`.
    """
    if not OBJECT_ID.fullmatch(tree) or not OBJECT_ID.fullmatch(base):
        raise ValueError("a commit needs full ids")
    if time.tzinfo is None:
        raise ValueError("a commit's time needs a time zone")
    date = f"{int(time.astimezone(UTC).timestamp())} +0000"
    done = await mirror.git.run(
        "commit-tree",
        tree,
        "-p",
        base,
        "-F",
        "-",
        git_dir=mirror.git_dir,
        environment={
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": author.name,
            "GIT_COMMITTER_EMAIL": author.email,
            "GIT_COMMITTER_DATE": date,
        },
        stdin=with_trailer(message, trailer).encode(),
    )
    return done.stdout.decode().strip()


def with_trailer(message: str, trailer: str) -> str:
    """`message` ending in `trailer`, which is joined to trailers it has."""
    # A joiner is what keeps a word from acting: a space in its place would let it.
    kept = f"\n\t{JOINER}"
    clean = "".join(c if c.isprintable() or c in kept else " " for c in message).strip()
    last = clean.split("\n\n")[-1].splitlines()
    has_trailers = "\n\n" in clean and all(TRAILER.fullmatch(line) for line in last)
    gap = "\n" if has_trailers else "\n\n"
    return f"{clean}{gap}{trailer}\n"
