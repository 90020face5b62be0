"""When a job has used up what it may use."""

from collections.abc import Iterable

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import Usage, total
from services.orchestrator.jobs.plan import Limits


def out_of_time(limits: Limits, step_index: int | None) -> Failure:
    """What to record for a job that ran for too long."""
    return Failure(
        Reason.DEADLINE_EXCEEDED,
        f"the job ran longer than its limit of {limits.job_timeout}",
        "Raise task.limits.jobTimeoutSeconds, or split the task.",
        step_index,
    )


def over_budget(
    limits: Limits, used: Iterable[Usage | None], step_index: int | None
) -> Failure | None:
    """What to record for a job whose attempts have together consumed more than they may.

    What a runtime does not tell is unknown and counts as nothing.
    """
    together = total(used) or Usage()
    tokens = (together.input_tokens or 0) + (together.output_tokens or 0)
    cost = together.cost_usd or 0.0
    if limits.max_tokens is not None and tokens > limits.max_tokens:
        return Failure(
            Reason.BUDGET_EXCEEDED,
            f"the steps have consumed {tokens:,} tokens of {limits.max_tokens:,}",
            "Raise task.limits.maxTokens, or split the task.",
            step_index,
        )
    if limits.max_cost_usd is not None and cost > limits.max_cost_usd:
        return Failure(
            Reason.BUDGET_EXCEEDED,
            f"the steps have cost ${cost:.2f} of ${limits.max_cost_usd:.2f}",
            "Raise task.limits.maxCostUsd, or split the task.",
            step_index,
        )
    return None
