"""The pieces of a job's page, for jobs in many states."""

from typing import Any

import pytest

from pawl.client import Artifact, ExplainJobResponse, Job, Usage
from pawl.v1 import job_pb2, task_pb2
from services.dashboard.look import Look
from services.dashboard.pieces import pieces, size_text
from tests.support.scripted_orchestrator import job


def made(
    shown: Job, *artifacts: Artifact, standing: ExplainJobResponse | None = None
) -> dict[str, str]:
    answer = standing or ExplainJobResponse(job_id=shown.job_id, state=shown.state)
    return pieces(Look(job=shown, plan=shown.plan, standing=answer, artifacts=artifacts))


def steps(*states: str, **fields: Any) -> list[job_pb2.Step]:
    return [
        job_pb2.Step(step_index=index, id=f"s{index}", state=f"STEP_STATE_{state}", **fields)
        for index, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("state", "fields", "offered"),
    [
        ("QUEUED", {}, {"Cancel"}),
        ("RUNNING", {}, {"Cancel"}),
        ("RUNNING", {"cancel_requested": {"by": "local"}}, set()),
        ("SUCCEEDED", {}, set()),
        ("FAILED", {}, {"Try again"}),
        ("DEAD_LETTER", {}, {"Try again"}),
        ("FAILED", {"cancel_requested": {"by": "local"}}, set()),
        ("FAILED", {"checkpoints_removed_time": {"seconds": 1}}, set()),
        ("CANCELLED", {}, set()),
    ],
)
def test_only_what_can_be_done_is_offered(
    state: str, fields: dict[str, Any], offered: set[str]
) -> None:
    told = made(job(state, **fields))["actions"]

    assert {name for name in ("Cancel", "Try again") if name in told} == offered
    assert "Edit and run again" in told


def test_a_retry_may_begin_at_every_step_that_has_a_checkpoint() -> None:
    told = made(job("FAILED", steps=steps("SUCCEEDED", "SUCCEEDED", "FAILED", "PENDING")))[
        "actions"
    ]

    stopped = told.index("where it stopped, step 2: s2")
    assert stopped < told.index("step 1: s1") < told.index("step 0: s0")
    assert told.count("s2") == 1


def test_a_job_that_could_not_be_published_goes_on_behind_its_last_step() -> None:
    told = made(job("FAILED", steps=steps("SUCCEEDED", "SUCCEEDED")))["actions"]

    assert told.index("where it stopped, behind its last step") < told.index("step 1: s1")


def test_a_steps_head_tells_its_time_attempt_and_consumption() -> None:
    done = job_pb2.Step(
        step_index=0,
        id="s0",
        state="STEP_STATE_SUCCEEDED",
        attempt=2,
        start_time={"seconds": 100},
        end_time={"seconds": 165},
        usage={"input_tokens": 1000, "output_tokens": 50},
        cli_version="1.2.3",
    )

    told = made(job("RUNNING", steps=[done]))["step-0-head"]

    for part in ("succeeded", "1 m 05 s", "attempt 2", "1,000 in · 50 out", "1.2.3"):
        assert part in told


def test_what_no_step_told_of_is_unknown_and_not_nothing() -> None:
    spent = Usage(input_tokens=10)
    told = made(job("RUNNING", steps=steps("SUCCEEDED", "SUCCEEDED", usage=spent)))["facts"]

    assert "20 in" in told
    assert "out" not in told
    assert "$" not in told


def test_the_runtime_is_told_with_its_model_and_effort() -> None:
    plan = task_pb2.Plan()
    plan.task.update({"task": {"runtime": {"model": "big", "effort": None}}})

    assert "codex · big" in made(job("RUNNING", runtime="codex", plan=plan))["facts"]


def test_a_job_that_waits_opens_why_with_each_runner() -> None:
    standing = ExplainJobResponse(state="JOB_STATE_QUEUED")
    standing.waiting.runners.add(target="10.0.0.1:50053", missing_capabilities=["gh"])

    told = made(job("QUEUED"), standing=standing)["standing"]

    assert " open>" in told
    assert "10.0.0.1:50053" in told
    assert ">gh<" in told


def test_artifacts_that_were_removed_for_their_age_are_told_so() -> None:
    told = made(job("FAILED", artifacts_removed_time={"seconds": 1}))["artifacts"]

    assert "removed for their age" in told


def test_an_artifacts_path_is_no_way_out_of_its_address() -> None:
    told = made(job("FAILED"), Artifact(path='a"b?c#d e', size_bytes=7))["artifacts"]

    assert "/artifacts/a%22b%3Fc%23d%20e" in told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 * 1024**2, "5.0 MiB"),
        (1024**4, "1024.0 GiB"),
    ],
)
def test_sizes_are_told_as_people_say_them(size: int, told: str) -> None:
    assert size_text(size) == told
