"""Every write to a job begins with its row, whichever call makes it; read from the SQL itself."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from pawl.wire.errors import FailedPrecondition
from services.orchestrator import store as package
from services.orchestrator.jobs.accepting import Accepting
from services.orchestrator.jobs.claiming import Claiming
from services.orchestrator.jobs.driving import Driving
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState, StepState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.reconciling import Reconciling
from services.orchestrator.jobs.retention import Retaining
from services.orchestrator.jobs.store import Store
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import (
    EXPIRED,
    PUBLICATION,
    Rig,
    a_segment,
    an_artifact,
    ended,
)
from tests.orchestrator.store.statements import Recorder, Transaction
from tests.orchestrator.store.test_claims import until_past
from tests.support.jobs import TERM, fact, some_job, some_plan

# Migrations write before there is anybody to claim.
SOURCES = sorted(
    path
    for path in Path(next(iter(package.__path__))).rglob("*.py")
    if path.parent.name != "versions"
)
READS = {
    "candidates",
    "claimed",
    "duplicated",
    "given_up_checkpoints",
    "kept",
    "referred_to",
    "settled",
    "needed_commits",
    "needed_repositories",
    "submitted",
    "unreconciled",
}
"""Calls beside `Reading` that change nothing."""
TURNS = {"take_turn", "end_turn"}
"""Calls that write what belongs to no job."""


def calls(protocol: type) -> set[str]:
    """The calls of one part of the port."""
    return {name for name in vars(protocol) if not name.startswith("_")}


FENCED = calls(Driving) | {"renew"}
CALLS = calls(Accepting) | calls(Claiming) | calls(Driving) | calls(Retaining) | calls(Reconciling)


@pytest.fixture
async def told(store: SqlStore) -> Recorder:
    """What the lives of some jobs, which see every call, told the database."""
    recorder = Recorder(store)
    with recorder.recording():
        await lives(recorder, store)
    assert recorder.called | READS >= CALLS
    return recorder


async def lives(recorder: Recorder, store: SqlStore) -> None:
    """Jobs that are published, lost, given up, retried, cancelled, forgotten."""
    told = cast("Store", recorder)
    rig = Rig(told)
    claim = await rig.claim()
    told.renew(claim, term=TERM)
    await told.note(claim, fact(), fact())
    await told.enter(claim, Stage.EXECUTE, fact())
    for name in ("first", "second"):
        await told.pin(claim, fact(), default_branch=name, base_commit=name, working_branch=name)
    await told.house(claim, fact(), workspace_id="job/1", runner_id="r", incarnation="i")
    await rig.start(claim)
    await told.tell_version(claim, step_index=0, attempt=1, version="1")
    await told.append_output(claim, [a_segment(0, 0, 4), a_segment(1, 4, 4)])
    await told.merge_output(claim, a_segment(1, 0, 8), first_order=0)
    await told.end_step(
        claim,
        fact(),
        step_index=0,
        state=StepState.LOST,
        summary="",
        usage=None,
        artifacts=[an_artifact("x")],
    )
    await told.unhouse(claim)
    await told.join_output(claim, step_index=0, attempt=1, artifacts=[an_artifact("z")])
    await rig.start(claim, attempt=2)
    await rig.finish(claim)
    await told.requeue(claim, fact(), not_before=None)
    claim = await rig.claim(await rig.read(claim))
    await told.keep(claim, [an_artifact("y")])
    await told.end(claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED)
    await told.retry(claim.job_id, by="ann", from_step=0, ended_attempt=0, settle=timedelta(0))
    claim = await rig.claim(await rig.read(claim))
    for step_index in range(2):
        await rig.start(claim, step_index=step_index, attempt=3)
        await rig.finish(claim, step_index=step_index)
    for _ in range(2):
        await told.intend(claim, PUBLICATION, fact())
        await told.reach(claim, "pushed", fact())
        await told.request_pull_request(claim)
        await told.wait(claim, excused=TERM, asked=True)
        await told.go_on(claim)
        await told.opened_pull_request(claim, fact(), number=1, url="x")
    with pytest.raises(FailedPrecondition):
        await told.request_cancel(claim.job_id, by="ann", reason="")
    await told.end(claim, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.BRANCH)
    await is_looked_at(told, claim.job_id)
    await ends_without_success(rig, told, store)


async def is_looked_at(told: Store, job_id: JobId) -> None:
    """Others that say they are the job's are found, and told of."""
    turn = await told.take_turn("me", term=TERM)
    assert turn is not None
    assert await told.try_job(turn, job_id, term=TERM)
    assert await told.found(turn, job_id, duplicates=[2]) == [2]
    await told.reported(turn, job_id, 2)
    await told.looked(turn, job_id)
    await told.end_turn(turn, rest=timedelta(0))


async def ends_without_success(rig: Rig, told: Store, store: SqlStore) -> None:
    """The other ways to end."""
    poison = await rig.submit(some_job(labels={"a": "b"}))
    for _ in range(5):
        claim = await rig.claim(poison)
        await rig.start(claim)
        await told.end_step(
            claim,
            step_index=0,
            state=StepState.LOST,
            summary="",
            usage=None,
            artifacts=[],
        )
        await told.give_up("me")
    for _ in range(5):
        await rig.claim(poison, term=EXPIRED)
    assert await told.claim(poison.job_id, owner="me", term=TERM) is None
    await told.request_cancel((await rig.submit()).job_id, by="ann", reason="")
    running = await rig.claim()
    await told.request_cancel(running.job_id, by="ann", reason="")
    assert told.renew(running, term=TERM) is not None
    hasty = await rig.submit(some_job(some_plan(queue_timeout=0)))
    await until_past(store, hasty.create_time)
    assert await told.expire_queued() == [hasty.job_id]
    await told.give_up("me")
    assert len(await told.give_up_checkpoints(older_than=-TERM, limit=2)) == 2
    assert len(await told.give_up_artifacts(older_than=-TERM, limit=1)) == 1
    beyond = await told.give_up_artifacts_beyond(size_bytes=-1, older_than=-TERM, limit=9)
    assert beyond


def writing(told: Recorder) -> list[Transaction]:
    """The transactions that write what belongs to jobs."""
    return [one for one in told.transactions if one.writes]


async def test_every_call_that_writes_was_seen_to_write(told: Recorder) -> None:
    seen = {one.call for one in writing(told) if one.made}

    assert seen == CALLS - READS - TURNS


async def test_the_first_statement_of_an_owner_names_its_claim_and_the_state(
    told: Recorder,
) -> None:
    for one in writing(told):
        if one.call not in FENCED:
            continue
        first = one.statements[0]
        assert first.updates_job, one
        for part in ("job_id", "epoch", "owner", "state"):
            assert f"job.{part} = ?" in first.condition, one
        assert "job.lease_until >= " in first.condition, one
        assert " OR " not in first.condition, one


async def test_the_first_statement_of_everybody_else_names_the_state(told: Recorder) -> None:
    for one in writing(told):
        if one.call in FENCED:
            continue
        first = one.statements[0]
        if one.call == "submit":
            assert first.sql.startswith("INSERT INTO job "), one
        else:
            assert first.updates_job, one
            assert "job.state" in first.condition, one
            assert " OR " not in first.condition, one


async def test_no_later_statement_updates_a_job_on_less(told: Recorder) -> None:
    for one in writing(told):
        for statement in one.statements:
            if not statement.updates_job:
                continue
            assert "job.state" in statement.condition, one
            assert "last_sequence=" in statement.sql, one
            if one.call in FENCED:
                assert "job.epoch = ?" in statement.condition, one
                assert "job.owner = ?" in statement.condition, one


async def test_events_have_the_numbers_that_the_update_of_their_job_took(told: Recorder) -> None:
    stored = [pair for one in writing(told) for pair in one.events]

    assert len(stored) > 20
    assert [pair for pair in stored if pair[0] != pair[1]] == []


def test_no_other_module_updates_a_job() -> None:
    assert len(SOURCES) > 20
    found = [
        f"{path.name}:{line}"
        for path in SOURCES
        if path.name != "writes.py"
        for line in updates(ast.parse(path.read_text()))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    ["sa.update(job)", "update(tables.job)", "tables.job.update()", 'text("UPDATE job SET x = 1")'],
)
def test_an_update_is_seen_however_it_is_spelt(source: str) -> None:
    assert list(updates(ast.parse(source))) == [1]


def updates(tree: ast.AST) -> Iterator[int]:
    """The lines that update the table of jobs."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, args=[table, *_]) if named(function) == "update":
                if named(table) == "job":
                    yield node.lineno
            case ast.Attribute(attr="update", value=table) if named(table) == "job":
                yield node.lineno
            case ast.Constant(value=str(text)) if "UPDATE job" in text:
                yield node.lineno


def named(node: ast.expr) -> str:
    """The last part of a dotted name."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def test_the_port_has_no_call_that_is_not_looked_at() -> None:
    """Whoever adds a part to the port has to say how its writes begin."""
    parts: set[Any] = {part.__name__ for part in Store.__bases__}

    assert parts == {
        *("Reading", "Accepting", "Claiming", "Driving", "Retaining", "Reconciling", "Protocol")
    }
