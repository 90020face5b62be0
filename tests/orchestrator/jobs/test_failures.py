"""Failures are told by a closed list of reasons."""

import pytest

from services.orchestrator.jobs.failures import Failure, JobFailed, Reason, failed


def test_a_reasons_value_is_its_name() -> None:
    assert [reason.value for reason in Reason] == [reason.name for reason in Reason]


def test_a_failed_job_carries_its_failure() -> None:
    with pytest.raises(JobFailed, match="AGENT_EXIT: it broke") as caught:
        raise failed(Reason.AGENT_EXIT, "it broke", "mend it")

    assert caught.value.failure == Failure(Reason.AGENT_EXIT, "it broke", "mend it")
