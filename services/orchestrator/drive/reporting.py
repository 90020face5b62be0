"""Gathers what a published result tells of its job."""

from collections.abc import Sequence

from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.job import Step
from services.orchestrator.jobs.plan import PlannedStep
from services.orchestrator.jobs.report import Report, StepReport
from services.orchestrator.source.diffstat import diffstat
from services.orchestrator.source.scratch import scratch

LISTED_FILES = 100


async def report_of(work: Work, cautions: Sequence[str] = ()) -> Report:
    """The report of a job all of whose steps have succeeded, as its mirror and its row tell it."""
    job, plan, mirror = work.job, work.plan, await work.mirror()
    with scratch(work.tools.scratch) as folder:
        changed = await diffstat(
            mirror, job.base_commit, job.checkpoint_commit, first=LISTED_FILES, scratch=folder
        )
    return Report(
        job_id=job.job_id,
        digest=plan.digest,
        repository=plan.repository,
        runtime=plan.runtime,
        model=plan.model,
        objective=plan.instructions,
        base_branch=plan.starting_branch or job.default_branch,
        base_commit=job.base_commit,
        steps=[_step(*pair) for pair in zip(job.steps, plan.steps, strict=True)],
        changes=changed.first,
        changed_files=changed.total,
        cautions=cautions,
        commit_message=plan.commit_message,
        title=plan.pr_title,
        body=plan.pr_body,
    )


def _step(step: Step, planned: PlannedStep) -> StepReport:
    start, end = step.start_time, step.end_time
    return StepReport(
        index=step.index,
        id=step.id,
        title=step.title,
        skill=planned.skill.id,
        attempt=step.attempt,
        duration=end - start if start and end else None,
        usage=step.usage,
        summary=step.summary,
        version=step.version,
    )
