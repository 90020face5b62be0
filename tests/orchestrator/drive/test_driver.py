"""What becomes of a job, from its claim to its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from services.orchestrator.drive.ports import (
    Alive,
    Message,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    TakenTree,
)
from services.orchestrator.jobs.claim import Claim, StoreAway
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import (
    JobId,
    JobOutcome,
    JobState,
    NewEvent,
    Segment,
    StepState,
    Stream,
    Usage,
)
from tests.orchestrator.drive.house import HASTY, QUICK, House, house_at, plan
from tests.support.repositories import git
from tests.support.scripted_runner import Dies, Fails, Limited, Script, Stage


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path) as standing:
        yield standing


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path, HASTY) as standing:
        yield standing


def writes(name: str, text: str = "new\n") -> Script:
    async def script(stage: Stage) -> None:
        stage.say(f"writing {name}")
        (stage.tree / name).write_text(text)

    return script


async def waits_for_the_stop(stage: Stage) -> None:
    stage.say("working")
    (stage.tree / "half.txt").write_text("half\n")
    await stage.stopped.wait()


async def fails(stage: Stage) -> None:
    (stage.tree / "half.txt").write_text("half\n")
    raise Fails("the agent ended with exit code 3")


async def dies(stage: Stage) -> None:
    raise Dies


async def nothing(stage: Stage) -> None:
    stage.say("nothing to do")


async def test_three_steps_become_one_commit_on_one_branch(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"), writes("c"))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.BRANCH)
    head = git(house.origin, "rev-parse", job.working_branch)
    assert head == job.published_commit
    assert git(house.origin, "rev-parse", f"{head}^") == house.base
    assert set(git(house.origin, "diff", "--name-only", house.base, head).split()) == set("abc")
    assert house.runner.started == [f"{job_id}/1/{index}" for index in range(3)]


async def test_the_events_tell_the_story_without_a_gap(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"))

    await house.ended(job_id)

    events = await house.events(job_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == [
        "job.submitted",
        "job.claimed",
        "task.stage.started",
        "task.git.defaultBranchResolved",
        "task.git.branchesResolved",
        "task.workspace.prepared",
        "task.stage.finished",
        "task.stage.started",
        "task.steps.plan",
        "task.step.started",
        "task.step.finished",
        "task.step.started",
        "task.step.finished",
        "task.stage.finished",
        "task.stage.started",
        "task.publish.intentRecorded",
        "task.publish.branchPushed",
        "task.stage.finished",
        "job.succeeded",
    ]


async def test_each_patch_holds_its_own_step(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"))

    await house.ended(job_id)

    first = await house.text(job_id, "patches/steps/step-0000.patch")
    second = await house.text(job_id, "patches/steps/step-0001.patch")
    whole = await house.text(job_id, "patches/changes.patch")
    assert ("b/a" in first, "b/b" in first) == (True, False)
    assert ("b/a" in second, "b/b" in second) == (False, True)
    assert "b/a" in whole
    assert "b/b" in whole


async def test_a_steps_log_is_what_its_agent_wrote(house: House) -> None:
    job_id = await house.submit(writes("a"))

    await house.ended(job_id)

    assert await house.text(job_id, "logs/steps/step-0000.log") == "writing a\n"


async def test_steps_that_change_nothing_publish_nothing(house: House) -> None:
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.NO_CHANGES)
    assert house.branches() == ["main"]
    assert "task.publish.skipped" in await house.types(job_id)


async def test_without_publishing_the_result_is_the_patch(house: House) -> None:
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, mode="none"))

    job = await house.ended(job_id)

    assert job.outcome is JobOutcome.PUBLISH_DISABLED
    assert house.branches() == ["main"]
    assert "b/a" in await house.text(job_id, "patches/changes.patch")


async def test_a_result_with_a_secret_ends_the_job_before_anything_is_pushed(
    house: House,
) -> None:
    token = "np" + "m_" + "q8Zr3LxT0vYp5WmK2sNd7BfJ4hGc9RtEaUiO"
    job_id = await house.submit(writes("notes.txt", f"token {token}\n"))

    job = await house.ended(job_id)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.SECRET_DETECTED
    assert "'notes.txt' (rule npm-token)" in job.failure.message
    assert house.branches() == ["main"]
    assert "task.publish.intentRecorded" not in await house.types(job_id)
    assert token not in repr((job, await house.events(job_id)))


async def test_a_changed_workflow_file_is_not_pushed_as_a_mere_branch(house: House) -> None:
    job_id = await house.submit(writes(".gitlab-ci.yml"))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.RESULT_REJECTED
    assert "PAWL_WORKFLOW_CHANGES is draft" in job.failure.message
    assert house.branches() == ["main"]


async def test_cautions_are_kept_with_the_intent(house: House) -> None:
    job_id = await house.submit(writes("CODEOWNERS"))

    await house.ended(job_id)

    intent = next(e for e in await house.events(job_id) if e.type == "task.publish.intentRecorded")
    assert intent.payload["draftBecause"] == []
    assert intent.payload["cautions"] == ["It changes who has to review: 'CODEOWNERS'."]


async def test_a_failed_step_ends_the_job_and_nothing_is_published(house: House) -> None:
    job_id = await house.submit(writes("a"), fails, writes("c"))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.FAILED, JobOutcome.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_EXIT, 1)
    assert [step.state for step in job.steps] == [
        StepState.SUCCEEDED,
        StepState.FAILED,
        StepState.PENDING,
    ]
    assert house.branches() == ["main"]
    assert "half" in await house.text(job_id, "patches/steps/step-0001.partial.patch")
    assert (await house.types(job_id))[-1] == "job.failed"


async def test_a_failed_step_is_not_run_again_when_its_owner_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner once started it anew, under the name of the attempt that had failed."""
    end_step = house.store.end_step

    async def lost_behind_it(claim: Claim, *events: NewEvent, **end: Any) -> None:
        await end_step(claim, *events, **end)
        house.claimer._drivers[claim.job_id].leave()

    monkeypatch.setattr(house.store, "end_step", lost_behind_it)
    job_id = await house.submit(fails)
    await house.until(job_id, "task.step.failed")
    await house.lapse(job_id)

    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (2, JobState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_EXIT, 0)
    assert job.failure.remedy == "Read the log."
    assert house.runner.started == [f"{job_id}/1/0"]
    assert (await house.types(job_id)).count("task.step.failed") == 1


async def test_a_run_that_is_refused_fails_its_step_and_then_the_job(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: RunOrder, **__: Any) -> AsyncIterator[Message]:
        raise failed(Reason.AGENT_UNAVAILABLE, "no such CLI", "Install it.")
        yield Alive()

    monkeypatch.setattr(house.runner, "follow", refused)
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)

    assert (job.state, job.steps[0].state) == (JobState.FAILED, StepState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_UNAVAILABLE, 0)


async def test_a_runner_that_takes_no_run_now_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow, refusals = house.runner.follow, [RunnerFull("leaving"), RunnerFull("leaving")]

    async def leaving(order: RunOrder, **where: Any) -> AsyncIterator[Message]:
        if refusals:
            raise refusals.pop()
        async for message in follow(order, **where):
            yield message

    monkeypatch.setattr(house.runner, "follow", leaving)
    job_id = await house.submit(writes("a"))

    job = await house.ended(job_id)

    assert (job.epoch, job.attempt, job.state) == (1, 1, JobState.SUCCEEDED)


async def test_a_runner_that_is_away_for_a_checkpoint_costs_no_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, troubles = house.runner.checkpoint, [RunnerUnreachable("restarting")]

    async def away(workspace_id: str, epoch: int, into: Path) -> TakenTree:
        if troubles:
            raise troubles.pop()
        return await checkpoint(workspace_id, epoch, into)

    monkeypatch.setattr(house.runner, "checkpoint", away)
    job_id = await house.submit(writes("a"))

    job = await house.ended(job_id)

    assert (job.attempt, job.state) == (1, JobState.SUCCEEDED)
    assert house.runner.started == [f"{job_id}/1/0"]


async def test_a_full_disk_fails_the_step_and_the_job_for_what_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job could once not end without its logs, and was buried as poison."""

    async def full(*_: Any) -> NoReturn:
        raise failed(Reason.STORAGE_FULL, "no room is left", "Free some.")

    async def fills_the_disk(stage: Stage) -> None:
        for put in ("put_bytes", "put_file", "put_segment"):
            monkeypatch.setattr(house.artifacts, put, full)
        stage.say("too much")

    job_id = await house.submit(fills_the_disk)

    job = await house.ended(job_id)

    assert (job.epoch, job.state, job.steps[0].state) == (1, JobState.FAILED, StepState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.STORAGE_FULL, 0)


async def test_a_cancelled_step_keeps_its_work_and_its_receipt(house: House) -> None:
    """It once failed on a busy machine: the cancel came before there was work to be kept."""
    job_id = await house.submit(waits_for_the_stop)
    await house.until(job_id, "task.step.started")
    await house.runs()

    await house.store.request_cancel(job_id, by="ada", reason="enough")
    house.claimer.cancel(job_id)
    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.CANCELLED, JobOutcome.CANCELLED)
    types = await house.types(job_id)
    assert "task.step.cancelled" in types
    assert types[-1] == "job.cancelled"
    assert not {"task.step.failed", "task.step.finished", "job.failed"} & set(types)
    assert "half" in await house.text(job_id, "patches/steps/step-0000.partial.patch")
    assert '"requestedBy": "ada"' in await house.text(job_id, "receipts/cancel.json")
    assert house.branches() == ["main"]


async def test_a_cancel_that_only_the_lease_sees_stops_the_job_too(tmp_path: Path) -> None:
    async with house_at(tmp_path, replace(QUICK, lease=timedelta(seconds=3))) as house:
        job_id = await house.submit(waits_for_the_stop)
        await house.until(job_id, "task.step.started")

        await house.store.request_cancel(job_id, by="ada", reason="")
        job = await house.ended(job_id)

        assert job.state is JobState.CANCELLED


async def test_a_new_owner_stops_the_run_of_a_job_that_is_to_be_cancelled(house: House) -> None:
    """It once ended the job alone: its step stayed RUNNING for ever, and nothing told of it."""
    job_id = await house.submit(waits_for_the_stop)
    await house.until(job_id, "task.step.started")
    await house.runs()

    # Nobody tells the claimer: the next owner finds the request as it takes over.
    await house.store.request_cancel(job_id, by="ada", reason="")
    await house.desert(job_id)
    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (2, JobState.CANCELLED)
    assert job.steps[0].state is StepState.CANCELLED
    assert (await house.types(job_id))[-3:] == [
        "task.step.cancelled",
        "task.stage.cancelled",
        "job.cancelled",
    ]
    assert '"requestedBy": "ada"' in await house.text(job_id, "receipts/cancel.json")


async def test_a_step_that_says_a_little_all_the_time_leaves_few_pieces(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that said a line every moment for a night once left a million files."""
    stored, enough, append = asyncio.Event(), asyncio.Event(), house.store.append_output

    async def told(claim: Claim, segments: Sequence[Segment]) -> None:
        await append(claim, segments)
        stored.set()

    async def chatty(stage: Stage) -> None:
        for number in range(60):
            stored.clear()
            stage.say(str(number))
            await stored.wait()
        await enough.wait()

    monkeypatch.setattr("services.orchestrator.drive.loose.MOST_PIECES", 8)
    monkeypatch.setattr(house.store, "append_output", told)
    job_id = await house.submit(chatty)
    text = "".join(f"{number}\n" for number in range(60))
    where = {"step_index": 0, "attempt": 1}
    while (await house.store.received(job_id, **where)).get(Stream.STDOUT) != len(text):
        await House._moment()

    def files() -> list[str]:
        return [key for key in house.artifacts.bytes if "/segments/" in key]

    while len(files()) > 16:
        await House._moment()
    pieces = await house.store.segments(job_id, **where, after_order=-1, limit=100)
    enough.set()
    await house.ended(job_id)

    assert len(pieces) <= 60 // 8 + 8
    assert await house.text(job_id, "logs/steps/step-0000.log") == text
    assert files() == []


async def test_a_stop_amid_a_write_neither_loses_nor_repeats_output(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner once knew nothing of a write that was made as it was interrupted."""
    stored, append = asyncio.Event(), house.store.append_output

    async def interrupted(claim: Claim, segments: Sequence[Segment]) -> None:
        await append(claim, segments)
        if not stored.is_set():
            stored.set()
            await asyncio.Event().wait()

    async def chatty(stage: Stage) -> None:
        stage.say("one")
        await stored.wait()
        stage.say("two")
        await stage.stopped.wait()

    monkeypatch.setattr(house.store, "append_output", interrupted)
    job_id = await house.submit(chatty)
    await stored.wait()

    await house.store.request_cancel(job_id, by="ada", reason="")
    house.claimer.cancel(job_id)
    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (1, JobState.CANCELLED)
    assert await house.text(job_id, "logs/steps/step-0000.log") == "one\ntwo\n"


async def test_a_lost_run_is_a_new_attempt_from_the_last_checkpoint(house: House) -> None:
    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), dies, writes("b"), request=request)

    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert house.runner.started == [f"{job_id}/1/0", f"{job_id}/1/1", f"{job_id}/2/1"]
    assert git(house.origin, "diff", "--name-only", house.base, job.published_commit) == "a\nb"
    types = await house.types(job_id)
    assert "task.step.lost" in types
    assert "task.workspace.rebuilt" in types
    assert house.runner.acknowledged == house.runner.started


async def test_losses_in_a_row_end_as_a_dead_letter(house: House) -> None:
    job_id = await house.submit(dies, dies, dies, request=plan(house.origin, steps=1))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.DEAD_LETTER, JobOutcome.FAILED)
    assert job.failure is not None
    assert job.failure.reason is Reason.RUNNER_LOST
    assert (await house.types(job_id))[-1] == "job.deadLettered"


async def test_a_runner_that_stays_away_costs_the_attempt(hasty: House) -> None:
    job_id = await hasty.submit(waits_for_the_stop, request=plan(hasty.origin, steps=1))
    await hasty.until(job_id, "task.step.started")

    (run,) = await hasty.runs()
    hasty.runner.unreachable = True
    run.stage.grew.set()
    await hasty.until(job_id, "task.step.lost")
    hasty.runner.scripts.append(writes("a"))
    hasty.runner.unreachable = False
    job = await hasty.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert job.attempt == 2


async def test_a_job_past_its_deadline_fails_and_says_so(house: House) -> None:
    request = plan(house.origin, steps=1, job_timeout=1)
    job_id = await house.submit(waits_for_the_stop, request=request)

    job = await house.ended(job_id)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.DEADLINE_EXCEEDED


async def test_a_job_over_its_budget_is_stopped_and_keeps_its_work(house: House) -> None:
    async def spends(stage: Stage) -> None:
        (stage.tree / "half.txt").write_text("half\n")
        stage.spend(1_001)
        await stage.stopped.wait()

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends, request=request)

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert "half" in await house.text(job_id, "patches/steps/step-0000.partial.patch")


async def test_what_was_spent_before_a_retry_counts(house: House) -> None:
    def spends(tokens: int) -> Script:
        async def script(stage: Stage) -> None:
            stage.spend(tokens)
            await fails(stage)

        return script

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends(600), spends(401), request=request)
    await house.ended(job_id)
    await house.left(job_id)

    await house.store.retry(job_id, by="ann", from_step=None, ended_attempt=1, settle=timedelta(0))
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.spent == Usage(input_tokens=600)
    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert "1,001 tokens" in job.failure.message


async def test_a_job_that_is_over_its_budget_starts_no_agent(house: House) -> None:
    async def spends(stage: Stage) -> None:
        stage.spend(1_001)
        await stage.stopped.wait()

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends, request=request)
    await house.ended(job_id)
    await house.left(job_id)

    await house.store.retry(job_id, by="ann", from_step=None, ended_attempt=1, settle=timedelta(0))
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert house.runner.started == [f"{job_id}/1/0"]


async def test_a_rate_limit_is_waited_out_and_not_counted(house: House) -> None:
    async def limited(stage: Stage) -> None:
        stage.say("no more for now")
        raise Limited("usage limit reached", reset_time=datetime.now(UTC) + timedelta(seconds=2))

    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), limited, writes("b"), request=request)

    await house.until(job_id, "job.requeued")
    waiting = await house.job(job_id)
    job = await house.ended(job_id)

    assert waiting.state is JobState.QUEUED
    assert waiting.not_before is not None
    assert (job.state, job.attempt, job.losses) == (JobState.SUCCEEDED, 2, 0)
    assert house.runner.started == [f"{job_id}/1/0", f"{job_id}/1/1", f"{job_id}/2/1"]
    log = await house.text(job_id, "attempts/1/logs/steps/step-0001.log")
    assert log == "no more for now\n"


async def test_a_rate_limit_beyond_the_deadline_fails_the_job(house: House) -> None:
    async def limited(stage: Stage) -> None:
        raise Limited("usage limit reached", reset_time=datetime.now(UTC) + timedelta(hours=2))

    job_id = await house.submit(limited, request=plan(house.origin, steps=1))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.AGENT_RATE_LIMITED


@pytest.mark.parametrize(("there", "branch"), [("task", None), ("fix/a/b", "fix/a")])
async def test_a_branch_that_git_cannot_keep_is_refused_before_anything_runs(
    house: House, there: str, branch: str | None
) -> None:
    """The push found it out, after every step had run."""
    git(house.origin, "branch", there, "main")
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, branch=branch))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_CONFLICT
    assert there in job.failure.message
    assert house.runner.runs == {}


async def test_a_taken_branch_is_refused_before_anything_runs(house: House) -> None:
    git(house.origin, "branch", "taken", "main")
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, branch="taken"))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_CONFLICT
    assert house.runner.started == []


async def test_no_room_sends_the_job_back_at_no_cost(house: House) -> None:
    house.runner.full = True
    job_id = await house.submit(writes("a"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await house.job(job_id)).state is JobState.QUEUED

    house.runner.full = False
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED


@pytest.mark.parametrize("question", ["claim", "job"])
async def test_no_slot_stays_promised_when_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Each such moment once took a slot from the runner for the life of the process."""
    asked, refusals = getattr(house.store, question), [StoreAway("scripted")]

    async def away(job_id: JobId, **how: Any) -> Any:
        if refusals and house.fleet.reserved:
            raise refusals.pop()
        return await asked(job_id, **how)

    monkeypatch.setattr(house.store, question, away)
    job_id = await house.submit(nothing)
    await house.exhausted(refusals)
    await house.lapse(job_id)

    job = await house.ended(job_id)
    await house.left(job_id)

    assert (job.state, refusals, house.fleet.reserved) == (JobState.SUCCEEDED, [], [])


async def test_a_claim_that_was_made_without_an_answer_is_driven_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, unanswered = house.store.claim, [StoreAway("scripted")]

    async def made(job_id: JobId, **how: Any) -> Any:
        made = await claim(job_id, **how)
        if unanswered and made is not None:
            raise unanswered.pop()
        return made

    monkeypatch.setattr(house.store, "claim", made)
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)
    await house.left(job_id)

    # Under the first claim: nobody had to wait for its lease to run out.
    assert (job.state, job.epoch, unanswered) == (JobState.SUCCEEDED, 1, [])
    assert house.fleet.reserved == []


async def test_a_job_between_workspaces_can_be_cancelled_when_no_runner_has_room(
    house: House,
) -> None:
    """Nobody once took it up for want of a slot, so nobody saw the request."""
    job_id = await house.submit(dies, request=plan(house.origin, steps=1))
    await house.until(job_id, "task.step.lost")
    await house.homeless(job_id)

    house.runner.full = True
    await house.desert(job_id)
    await house.store.request_cancel(job_id, by="ada", reason="")
    job = await house.ended(job_id)

    assert job.state is JobState.CANCELLED


async def test_what_an_attempt_wrote_that_nobody_could_end_is_kept(house: House) -> None:
    """The output of a job that was given up as poison stayed in pieces that nobody could read."""
    house.runner.full = True
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1))
    claim = await house.store.claim(job_id, owner="another", term=house.term)
    assert claim is not None
    await house.store.start_step(
        claim,
        step_index=0,
        attempt=1,
        run_id=f"{job_id}/1/0",
        runner_id="gone",
        incarnation="",
        workspace_id=f"{job_id}/1",
    )
    key = await house.artifacts.put_segment(job_id, b"half a word")
    piece = Segment(
        step_index=0, attempt=1, stream=Stream.STDOUT, offset=0, size=11, key=key, order=0
    )
    await house.store.append_output(claim, [piece])
    await house.store.end(
        claim,
        NewEvent(type="job.deadLettered", message="Given up."),
        state=JobState.DEAD_LETTER,
        outcome=JobOutcome.FAILED,
    )

    house.runner.full = False
    await house.store.retry(job_id, by="ada", from_step=None, ended_attempt=0, settle=timedelta())
    house.claimer.wake()
    job = await house.ended(job_id)

    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert await house.text(job_id, "attempts/1/logs/steps/step-0000.log") == "half a word"
    assert key not in house.artifacts.bytes


async def test_every_workspace_is_closed_at_the_end(house: House) -> None:
    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), dies, writes("b"), request=request)

    await house.ended(job_id)
    await house.tidied()
    await house.left(job_id)

    assert house.runner.closed == [f"{job_id}/1", f"{job_id}/2"]
    assert house.fleet.reserved == []


async def adopted(house: House, *, begun: bool) -> None:
    """Lets the owner leave around the start of a run; the next one sees it through."""
    go_on = asyncio.Event()

    async def waits(stage: Stage) -> None:
        stage.say("before")
        await go_on.wait()
        stage.say("after")
        (stage.tree / "a").write_text("new\n")

    job_id = await house.submit(waits)
    await house.until(job_id, "task.step.started")
    if begun:
        await house.runs()

    await house.desert(job_id)
    await house.until(job_id, "job.resumed")
    go_on.set()
    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert (job.epoch, job.attempt) == (2, 1)
    assert house.runner.started == [f"{job_id}/1/0"]
    assert await house.text(job_id, "logs/steps/step-0000.log") == "before\nafter\n"


async def test_a_new_owner_adopts_the_run_that_is_alive(house: House) -> None:
    await adopted(house, begun=True)


async def test_a_new_owner_asks_for_the_run_its_predecessor_did_not(house: House) -> None:
    await adopted(house, begun=False)
