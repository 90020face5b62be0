"""What the owner of a claim writes, as it reads back."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.orchestrator.jobs.claim import Claim, LeaseLost
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import (
    JobOutcome,
    JobState,
    Segment,
    StepState,
    Stream,
    Usage,
)
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.reading import Stretch
from services.orchestrator.jobs.store import Store
from services.orchestrator.tail import Tail
from tests.orchestrator.store.claiming import RUN, Rig, a_segment, an_artifact, ended
from tests.support.jobs import TERM, fact
from tests.support.memory_artifacts import MemoryArtifacts

FIRST = {"step_index": 0, "attempt": 1}


async def test_events_have_the_stage_step_and_attempt(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.enter(claim, Stage.EXECUTE, fact("task.stage.started", a=1))

    event = (await store.events(claim.job_id, after=2, limit=1))[0]
    assert (event.type, event.attempt, event.payload) == ("task.stage.started", 1, {"a": 1})
    assert (await rig.read(claim)).stage is Stage.EXECUTE


async def test_a_version_is_told_of_the_running_attempt_alone(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)

    await store.tell_version(claim, **FIRST, version="codex-cli 1.2\0")
    told = (await rig.read(claim)).steps[0].version
    await store.tell_version(claim, step_index=0, attempt=7, version="of no attempt")

    assert told == "codex-cli 1.2␀"
    assert (await rig.read(claim)).steps[0].version == told


async def test_events_of_many_writers_have_no_gap(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(store.note(claim, fact(), fact()))
        tasks.create_task(store.request_cancel(claim.job_id, by="ann", reason=""))

    assert len(await rig.types(claim)) == 2 + 40 + 1


async def test_a_write_that_is_refused_takes_no_number(rig: Rig, store: Store) -> None:
    """Changes share a commit: one that fails among them must leave no gap."""
    claim = await rig.claim()

    async with asyncio.TaskGroup() as tasks:
        good = [tasks.create_task(store.note(claim, fact())) for _ in range(5)]
        bad = tasks.create_task(refused(store.note(claim, fact(text="x" * 40_000))))
        good += [tasks.create_task(store.note(claim, fact())) for _ in range(5)]

    assert bad.result() is ValueError
    assert len(await rig.types(claim)) == 2 + len(good)


async def test_what_was_pinned_first_stays(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    pinned = {"default_branch": "main", "base_commit": "a" * 40, "working_branch": "task/1"}
    await store.pin(claim, fact("task.git.branchesResolved"), **pinned)

    job = await store.pin(
        claim, fact("again"), default_branch="x", base_commit="b" * 40, working_branch="y"
    )

    assert (job.default_branch, job.base_commit, job.working_branch) == tuple(pinned.values())
    assert (await rig.types(claim))[2:] == ["task.git.branchesResolved"]


async def test_the_workspace_is_known_until_it_is_closed(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.house(claim, workspace_id=f"{claim.job_id}/2", runner_id="r", incarnation="i")
    housed = await rig.read(claim)
    await store.unhouse(claim)
    unhoused = await rig.read(claim)

    assert (housed.workspace_id, housed.runner_id) == (f"{claim.job_id}/2", "r")
    assert (unhoused.workspace_id, unhoused.runner_id, unhoused.incarnation) == ("", "", "")
    assert housed.workspace_count == unhoused.workspace_count == 2


async def test_a_finished_step_moves_the_cursor(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    running = (await rig.read(claim)).steps[0]

    await store.finish_step(
        claim,
        fact("task.step.finished"),
        step_index=0,
        commit="c" * 40,
        tree="t" * 40,
        summary="did it",
        usage=Usage(input_tokens=5, cost_usd=0.25),
        artifacts=[an_artifact("patches/steps/step-0000.patch")],
    )

    job = await rig.read(claim)
    step = job.steps[0]
    assert (running.state, running.run_id, running.attempt) == (
        StepState.RUNNING,
        RUN["run_id"],
        1,
    )
    assert (step.state, step.checkpoint_commit, step.summary) == (
        StepState.SUCCEEDED,
        "c" * 40,
        "did it",
    )
    assert step.usage == Usage(input_tokens=5, cost_usd=0.25)
    assert (job.cursor, job.checkpoint_commit) == (1, "c" * 40)
    assert [one.path for one in await store.artifacts(job.job_id)] == [
        "patches/steps/step-0000.patch"
    ]


async def test_a_step_that_does_not_run_cannot_finish(rig: Rig) -> None:
    claim = await rig.claim()

    with pytest.raises(ValueError, match="no state"):
        await rig.finish(claim)

    assert await rig.types(claim) == ["job.submitted", "job.claimed"]


async def test_a_finished_step_never_starts_again(rig: Rig) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await rig.finish(claim)

    with pytest.raises(ValueError, match="no state"):
        await rig.start(claim, attempt=2)


async def test_a_lost_step_counts_and_its_event_is_of_the_attempt_that_was_lost(
    rig: Rig, store: Store
) -> None:
    claim = await rig.claim()
    await rig.start(claim)

    await lose(store, claim)

    job = await rig.read(claim)
    assert (job.attempt, job.losses, job.steps[0].state) == (2, 1, StepState.LOST)
    assert (await store.events(claim.job_id, after=3, limit=1))[0].attempt == 1


async def test_a_checkpoint_forgets_losses(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await lose(store, claim)
    await rig.start(claim, attempt=2)

    await rig.finish(claim)

    job = await rig.read(claim)
    assert (job.attempt, job.losses) == (2, 0)


async def test_output_is_stored_once_in_order(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    segments = [
        a_segment(0, 0, 10),
        a_segment(1, 10, 5),
        a_segment(2, 0, 7, Stream.STDERR),
        a_segment(3, 15, 1),
    ]

    await store.append_output(claim, segments[:2])
    await store.append_output(claim, segments)

    stored = await store.segments(claim.job_id, **FIRST, after_order=-1, limit=10)
    assert stored == segments
    assert await store.segments(claim.job_id, **FIRST, after_order=1, limit=1) == segments[2:3]
    assert await store.received(claim.job_id, **FIRST) == {Stream.STDOUT: 16, Stream.STDERR: 7}


async def test_output_with_a_gap_is_refused(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)

    with pytest.raises(ValueError, match="began at 10"):
        await store.append_output(claim, [a_segment(0, 10, 1)])


async def test_one_segment_takes_the_place_of_many(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    pieces = [a_segment(0, 0, 7, Stream.STDERR), *(a_segment(n, 5 * n - 5, 5) for n in (1, 2, 3))]
    await store.append_output(claim, pieces)
    merged = replace(a_segment(2, 0, 10), key="merged")

    await store.merge_output(claim, merged, first_order=1)
    await store.merge_output(claim, merged, first_order=1)

    stored = await store.segments(claim.job_id, **FIRST, after_order=-1, limit=10)
    assert stored == [pieces[0], merged, pieces[3]]
    assert await store.segments(claim.job_id, **FIRST, after_order=1, limit=1) == [merged]
    assert await store.received(claim.job_id, **FIRST) == {Stream.STDOUT: 15, Stream.STDERR: 7}
    assert await store.next_order(claim.job_id, **FIRST) == 4


async def test_a_reader_amid_what_is_merged_goes_on_at_its_byte(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    artifacts = MemoryArtifacts()
    pieces: list[Segment] = []
    for order, word in enumerate([b"one ", b"two ", b"three "]):
        key = await artifacts.put_segment(claim.job_id, word)
        offset = sum(piece.size for piece in pieces)
        pieces.append(replace(a_segment(order, offset, len(word)), key=key))
    tail = Tail(store, artifacts, job_id=claim.job_id, **FIRST, positions={})
    await store.append_output(claim, pieces[:2])
    assert b"".join([chunk.data async for chunk in tail.stored()]) == b"one two "
    await store.append_output(claim, pieces[2:])

    key = await artifacts.put_segment(claim.job_id, b"one two three ")
    merged = replace(a_segment(2, 0, 14), key=key)
    await store.merge_output(claim, merged, first_order=0)
    await artifacts.delete([piece.key for piece in pieces])

    assert b"".join([chunk.data async for chunk in tail.stored()]) == b"three "
    afresh = Tail(store, artifacts, job_id=claim.job_id, **FIRST, positions={})
    assert b"".join([chunk.data async for chunk in afresh.stored()]) == b"one two three "


@pytest.mark.parametrize(("first_order", "size"), [(0, 17), (1, 9), (1, 11), (2, 10), (9, 10)])
async def test_a_segment_with_other_bytes_takes_nobodys_place(
    rig: Rig, store: Store, first_order: int, size: int
) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    pieces = [a_segment(0, 0, 7, Stream.STDERR), a_segment(1, 0, 5), a_segment(2, 5, 5)]
    await store.append_output(claim, pieces)

    with pytest.raises(ValueError, match="other bytes"):
        await store.merge_output(claim, a_segment(2, 0, size), first_order=first_order)

    assert await store.segments(claim.job_id, **FIRST, after_order=-1, limit=9) == pieces


async def test_where_output_is_in_its_log_stays_known_when_segments_go(
    rig: Rig, store: Store
) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await store.append_output(claim, [a_segment(0, 0, 10), a_segment(1, 10, 5)])
    await store.append_output(claim, [a_segment(2, 0, 7, Stream.STDERR), a_segment(3, 15, 1)])

    await rig.finish(claim)

    assert await store.segments(claim.job_id, **FIRST, after_order=-1, limit=10) == []
    assert await store.stretches(claim.job_id, **FIRST, from_position=0, limit=10) == [
        Stretch(position=0, stream=Stream.STDOUT, offset=0, size=15),
        Stretch(position=15, stream=Stream.STDERR, offset=0, size=7),
        Stretch(position=22, stream=Stream.STDOUT, offset=15, size=1),
    ]


async def test_attempts_keep_their_output_apart(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await store.append_output(claim, [a_segment(0, 0, 10)])
    await lose(store, claim)
    await rig.start(claim, attempt=2)

    await store.append_output(claim, [a_segment(0, 0, 3, attempt=2)])

    assert await store.received(claim.job_id, step_index=0, attempt=2) == {Stream.STDOUT: 3}
    assert await store.received(claim.job_id, step_index=0, attempt=1) == {Stream.STDOUT: 10}


async def test_artifacts_are_listed_by_path_and_the_newest_of_a_path_counts(
    rig: Rig, store: Store
) -> None:
    claim = await rig.claim()

    await store.keep(claim, [an_artifact("b"), an_artifact("a")])
    await store.keep(claim, [an_artifact("a"), an_artifact("b", "c" * 64)])

    listed = await store.artifacts(claim.job_id)
    assert [(one.path, one.sha256[0]) for one in listed] == [("a", "a"), ("b", "c")]
    assert all(one.create_time is not None for one in listed)
    assert await store.artifact(claim.job_id, "b") == listed[1]
    assert await store.artifact(claim.job_id, "c") is None


async def test_a_requeued_job_has_no_owner(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)

    await store.requeue(claim, fact("job.requeued"), not_before=later)

    job = await rig.read(claim)
    assert (job.state, job.not_before) == (JobState.QUEUED, later)
    with pytest.raises(LeaseLost):
        store.renew(claim, term=TERM)


async def test_the_end_says_what_became_of_the_job(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    failure = Failure(Reason.AGENT_EXIT, "it ended with 3", "Look at its log.", 1)

    await store.end(
        claim,
        fact(),
        ended("failed"),
        state=JobState.FAILED,
        outcome=JobOutcome.FAILED,
        failure=failure,
    )

    job = await rig.read(claim)
    assert (job.state, job.outcome, job.failure) == (
        JobState.FAILED,
        JobOutcome.FAILED,
        failure,
    )
    assert job.end_time is not None
    assert (await rig.types(claim))[-1] == "job.failed"
    assert await store.candidates(limit=10) == []


async def lose(store: Store, claim: Claim) -> None:
    """The first step's attempt is lost."""
    await store.end_step(
        claim,
        fact("task.step.lost"),
        step_index=0,
        state=StepState.LOST,
        summary="",
        usage=None,
        artifacts=[],
    )


async def refused(write: Coroutine[None, None, None]) -> type[BaseException] | None:
    """How a write was refused."""
    try:
        await write
    except ValueError as error:
        return type(error)
    return None
