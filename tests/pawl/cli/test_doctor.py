"""`pawl doctor`: one line for each thing to look at, and the exit code that goes with it."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Unavailable
from tests.pawl.cli.conftest import Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator


def storage(**fields: Any) -> job_pb2.Storage:
    """What a healthy service tells."""
    made = job_pb2.Storage(git_version="2.50.1", **fields)
    made.time.FromDatetime(datetime.now(UTC))
    return made


def runner(**fields: Any) -> job_pb2.Runner:
    """One that has nothing to look at."""
    values: dict[str, Any] = {
        "runner_id": "abcdef0123456789",
        "target": "127.0.0.1:50053",
        "slots": 2,
        "free_slots": 1,
        "isolation": "sandbox",
        "reachable": True,
        "runtimes": [job_pb2.RuntimeCard(name="codex", available=True, version="0.9")],
        "storage": storage(),
    }
    return job_pb2.Runner(**(values | fields))


def warning(reason: str, *, grave: bool) -> job_pb2.StorageWarning:
    return job_pb2.StorageWarning(
        reason=reason, message=f"{reason} is so", remedy="Mend it.", grave=grave
    )


@pytest.fixture(autouse=True)
def well(orchestrator: ScriptedOrchestrator) -> None:
    """Everything is as it should be, unless a test says otherwise."""
    orchestrator.answers |= {
        "GetStorage": pb.GetStorageResponse(storage=storage()),
        "ListRunners": pb.ListRunnersResponse(runners=[runner()]),
        "GetQueue": pb.GetQueueResponse(),
    }


def fleet(orchestrator: ScriptedOrchestrator, *runners: job_pb2.Runner) -> None:
    orchestrator.answers["ListRunners"] = pb.ListRunnersResponse(runners=runners)


async def test_where_all_is_well_it_says_so(pawl: Pawl) -> None:
    said = await pawl("doctor")

    assert said.code == 0
    assert "nothing to look at" in said.out
    assert "abcdef0123456789\t127.0.0.1:50053\tserving\t1/2\tsandbox\tcodex 0.9" in said.out


async def test_what_is_kept_is_shown_with_how_long(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    use = job_pb2.StorageUse(kind="artifacts", count=3, size_bytes=5 * 1024**2)
    use.retention.FromTimedelta(timedelta(days=90))
    round_ = job_pb2.Collection(
        removals=[job_pb2.Removal(kind="orphans", count=2, size_bytes=2048)]
    )
    round_.end_time.FromDatetime(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    disk = job_pb2.Disk(kinds=["artifacts", "mirrors"], size_bytes=2 * 1024**3, free_bytes=1024**3)
    kept = storage(uses=[use], disks=[disk], last_collection=round_)
    orchestrator.answers["GetStorage"] = pb.GetStorageResponse(storage=kept)

    said = await pawl("doctor")

    assert "orchestrator\tartifacts\t3\t5.0 MiB\t\t90 days\t" in said.out
    assert "orchestrator\tartifacts, mirrors\t1.0 GiB\t2.0 GiB" in said.out
    assert "orchestrator\t2.50.1\t2026-03-04T05:06:07Z\t2 orphans (2.0 KiB)" in said.out
    assert "runner abcdef01\t2.50.1\tnot yet\tnothing" in said.out


@pytest.mark.parametrize(
    ("changed", "reason", "words", "code"),
    [
        ({"reachable": False}, "RUNNER_UNREACHABLE", "127.0.0.1:50053", 1),
        (
            {"draining": True, "draining_reason": "processes could not be ended: sh (7)"},
            "RUNNER_DRAINING",
            "sh (7)",
            1,
        ),
        ({"isolation": "process"}, "NOT_ISOLATED", "model key", 0),
        (
            {"runtimes": [job_pb2.RuntimeCard(name="codex", reason="Set PAWL_CODEX_BINARY.")]},
            "RUNTIME_UNAVAILABLE",
            "Set PAWL_CODEX_BINARY.",
            1,
        ),
        (
            {"storage": storage(warnings=[warning("DISK_FULL", grave=True)])},
            "DISK_FULL",
            "is so",
            1,
        ),
        ({"storage": storage(warnings=[warning("GIT_HOLES", grave=False)])}, "GIT_HOLES", "so", 0),
    ],
)
async def test_each_trouble_of_a_runner_is_one_line(
    pawl: Pawl,
    orchestrator: ScriptedOrchestrator,
    changed: dict[str, Any],
    reason: str,
    words: str,
    code: int,
) -> None:
    fleet(orchestrator, runner(), runner(**changed))

    said = await pawl("doctor")

    (told,) = [one for one in said.out.splitlines() if one.endswith(f"({reason})")]
    assert told.startswith("wrong" if code else "note")
    assert "runner abcdef01: " in told
    assert words in told
    assert said.code == code


async def test_one_missing_runtime_of_several_is_no_trouble(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    cards = [
        job_pb2.RuntimeCard(name="codex", available=True, version="1"),
        job_pb2.RuntimeCard(name="claude", reason="It is not installed."),
    ]
    fleet(orchestrator, runner(runtimes=cards))

    said = await pawl("doctor")

    assert said.code == 0
    assert "note   runner abcdef01: it cannot run claude. It is not installed." in said.out


async def test_without_any_runner_nothing_goes_on(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    fleet(orchestrator)

    said = await pawl("doctor")

    assert said.code == 1
    assert "(NO_RUNNER)" in said.out


async def test_clocks_that_differ_are_told(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    late = storage()
    late.time.FromDatetime(datetime.now(UTC) - timedelta(minutes=3))
    orchestrator.answers["GetStorage"] = pb.GetStorageResponse(storage=late)
    ahead = runner()
    ahead.clock_offset.FromTimedelta(timedelta(seconds=90))
    fleet(orchestrator, ahead)

    said = await pawl("doctor")

    # Three minutes, and what the test itself has taken meanwhile.
    assert re.search(r"orchestrator: its clock is 1[89]\d s behind this machine's", said.out)
    assert "runner abcdef01: its clock is 90 s ahead of the orchestrator's" in said.out
    assert said.code == 0


async def test_a_job_that_waits_for_long_is_named(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    queue = pb.GetQueueResponse(longest_job_id=JOB_ID)
    queue.longest_wait.FromTimedelta(timedelta(minutes=11))
    queue.counts.add(state="JOB_STATE_QUEUED", runtime="codex", jobs=4)
    orchestrator.answers["GetQueue"] = queue

    said = await pawl("doctor")

    assert f"pawl explain {JOB_ID}" in said.out
    assert "queued        4" in said.out
    assert said.code == 0


async def test_a_database_that_is_away_is_told_all_the_same(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    away = storage(warnings=[warning("DATABASE_AWAY", grave=True)])
    orchestrator.answers |= {
        "GetStorage": pb.GetStorageResponse(storage=away),
        "GetQueue": Unavailable("STORE_AWAY", "the database is away"),
    }

    said = await pawl("doctor")

    assert said.code == 1
    assert "wrong  orchestrator: DATABASE_AWAY is so. Mend it. (DATABASE_AWAY)" in said.out


async def test_in_json_it_is_one_document(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    fleet(orchestrator, runner(reachable=False))

    said = await pawl("doctor", "--json")

    document = json.loads(said.out)
    assert said.code == 1
    assert document["well"] is False
    assert [one["reason"] for one in document["findings"]] == ["NO_RUNNER", "RUNNER_UNREACHABLE"]
    assert document["storage"]["gitVersion"] == "2.50.1"
    assert document["runners"][0]["runnerId"] == "abcdef0123456789"
    assert abs(document["clockOffsetSeconds"]) < 5
    assert document["queue"]["longestJobId"] == ""


async def test_nobody_who_answers_is_no_finding(pawl: Pawl, unused_tcp_port: int) -> None:
    said = await pawl("doctor", "--target", f"127.0.0.1:{unused_tcp_port}")

    assert said.code == 4
    assert "nobody answers" in said.err
