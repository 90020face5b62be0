"""One job as it is at a moment, with all that its page tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pawl.client import Artifact, ExplainJobResponse, Job, OrchestratorClient, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the services know of a job."""

    job: Job
    plan: Plan
    standing: ExplainJobResponse
    """Why it is where it is."""
    artifacts: Sequence[Artifact]


async def look_at(
    orchestrator: OrchestratorClient, job_id: str, *, plan: Plan | None = None
) -> Look:
    """The job now. Raises the refusal where it cannot be read.

    The plan never changes and may be of megabytes: who has it gives it.
    """
    job = await orchestrator.job(job_id, with_plan=plan is None)
    standing = await orchestrator.explain(job_id)
    artifacts = await orchestrator.artifacts(job_id)
    return Look(job=job, plan=plan or job.plan, standing=standing, artifacts=artifacts.artifacts)
