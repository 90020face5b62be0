"""When a job has used up what it may use."""

from datetime import timedelta

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import Usage, total
from services.orchestrator.jobs.limits import over_budget
from services.orchestrator.jobs.plan import Limits


def limits(*, tokens: int | None = None, cost: float | None = None) -> Limits:
    return Limits(
        step_timeout=timedelta(1),
        silence=timedelta(1),
        job_timeout=timedelta(1),
        queue_timeout=None,
        max_output_bytes=1,
        max_tokens=tokens,
        max_cost_usd=cost,
    )


def test_tokens_of_all_steps_count_together() -> None:
    used = [Usage(input_tokens=600, output_tokens=50), Usage(input_tokens=400, output_tokens=50)]

    failure = over_budget(limits(tokens=1_099), used, 1)

    assert failure is not None
    assert (failure.reason, failure.step_index) == (Reason.BUDGET_EXCEEDED, 1)
    assert "1,100 tokens of 1,099" in failure.message


def test_a_budget_may_be_used_up_to_the_last_token() -> None:
    assert over_budget(limits(tokens=650), [Usage(input_tokens=600, output_tokens=50)], 0) is None


def test_money_counts_too() -> None:
    failure = over_budget(limits(cost=0.5), [Usage(cost_usd=0.3), Usage(cost_usd=0.3)], 0)

    assert failure is not None
    assert "$0.60 of $0.50" in failure.message


def test_what_is_not_told_is_unknown_not_over() -> None:
    assert over_budget(limits(tokens=1, cost=0.01), [None, Usage()], 0) is None


def test_what_one_attempt_does_not_tell_is_no_reason_to_forget_the_others() -> None:
    first = Usage(input_tokens=600, cost_usd=0.25)
    second = Usage(input_tokens=400, output_tokens=50)

    assert total([first, None, second]) == Usage(
        input_tokens=1_000, output_tokens=50, cost_usd=0.25
    )


def test_what_nobody_tells_is_unknown() -> None:
    assert total([None, None]) is None
    assert total([]) is None
    assert total([Usage()]) == Usage()
