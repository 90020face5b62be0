"""Reads one artifact for a caller, whatever is removed meanwhile."""

from collections.abc import AsyncIterator

from pawl.wire.errors import DataLoss, NotFound, OutOfRange
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.job import Artifact, Job
from services.orchestrator.jobs.reading import Reading


async def read(
    store: Reading, artifacts: Artifacts, job: Job, path: str, offset: int
) -> AsyncIterator[tuple[int, bytes]]:
    """Pieces of an artifact from `offset` on, each with where it begins.

    Raises NotFound, OutOfRange, and DataLoss where what is listed is damaged. What was removed
    while it was read is not found, and was never whole.
    """
    artifact = await store.artifact(job.job_id, path)
    if artifact is None:
        raise _not_found(job, path)
    if offset > artifact.size:
        raise OutOfRange(
            "AFTER_END",
            f"{artifact.path} has {artifact.size} bytes",
            metadata={"size_bytes": str(artifact.size)},
        )
    try:
        async for data in artifacts.read(artifact, offset):
            yield offset, data
            offset += len(data)
    except DataLoss:
        if await _is_listed(store, job, artifact):
            raise
        raise _not_found(await store.job(job.job_id, with_plan=False) or job, path) from None


async def _is_listed(store: Reading, job: Job, artifact: Artifact) -> bool:
    now = await store.artifact(job.job_id, artifact.path)
    return now is not None and now.key == artifact.key


def _not_found(job: Job, path: str) -> NotFound:
    why = "list what it has"
    if job.artifacts_removed is not None:
        why = f"its artifacts were removed for their age on {job.artifacts_removed:%Y-%m-%d}"
    return NotFound(
        "ARTIFACT_NOT_FOUND",
        f"job {job.job_id} has no artifact {path}; {why}",
        metadata={"path": path},
    )
