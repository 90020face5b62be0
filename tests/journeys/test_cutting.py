"""Whatever becomes of the line between orchestrator and runner, the log is what was said."""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxy import BOTH, Proxy, Way
from tests.support.stack import Stack, bare_repository, task
from tests.support.wired_stack import wired_stack

CUTS = int(os.environ.get("CUTS", "20"))
BLACKHOLES = int(os.environ.get("BLACKHOLES", "5"))
SEED = os.environ.get("SEED", "") or str(random.SystemRandom().randrange(10**9))

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(90 + 2 * CUTS + 15 * BLACKHOLES),
]

SIZE = 20_000_000
RUN_LEASE_SECONDS = 12
SHORT_SECONDS, LONG_SECONDS = 0.3, 5.0
"""The latter is longer than the third of a run lease after which a silent stream is given up."""
REST_SECONDS = 2.0
"""A run that nobody is in contact with for its lease ends, as it should: holes need rests."""


def test_cuts_and_blackholes_lose_no_byte_and_repeat_none(tmp_path: Path) -> None:
    """Each fault falls behind a random byte of what the agent says, in a random order of kinds."""
    chance = random.Random(SEED)
    faults = ["cut"] * CUTS + [
        ("short", "long", "there", "back", "buried")[number % 5] for number in range(BLACKHOLES)
    ]
    chance.shuffle(faults)
    share = SIZE // len(faults) // 16 * 16
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    copy, audit = tmp_path / "copy", tmp_path / "audit"
    script = [f"do: audit {audit}", f"do: copy {copy}", f"do: numbers {SIZE - share * len(faults)}"]
    for number in range(len(faults)):
        script += [f"do: wait-for {tmp_path / f'go-{number}'}", f"do: numbers {share}"]
    environment: dict[str, Any] = {
        "PAWL_LEASE_SECONDS": "5",
        "PAWL_POLL_SECONDS": "1",
        "PAWL_RUN_LEASE_SECONDS": str(RUN_LEASE_SECONDS),
    }
    with wired_stack(tmp_path, **environment) as (stack, proxy):
        job_id = stack.submit(task(remote, "\n".join(script), limits={"silenceSeconds": 900}))
        stack.wait_for_event(job_id, "task.step.started")
        began = time.monotonic()

        for number, fault in enumerate(faults):
            inflict(proxy, fault, chance.randrange(1, share), tmp_path / f"go-{number}")

        job = stack.wait(job_id, 120)
        took = time.monotonic() - began
        assert job["state"] == "JOB_STATE_SUCCEEDED", said(stack)
        log = stack.artifact(job_id, "logs/steps/step-0000.log")
        lost = said(stack)
    print(
        f"seed {SEED}: {CUTS} cuts and {BLACKHOLES} blackholes in {took:.0f} s, "
        f"{proxy.connections} connections, {lost} streams lost, {len(log)} bytes"
    )
    assert [step["attempt"] for step in job["steps"]] == [1]
    assert log == copy.read_bytes(), f"SEED={SEED}"
    assert len(log) > SIZE
    starts = [line for line in audit.read_text().splitlines() if line.startswith("start")]
    assert len(starts) == 1


def inflict(proxy: Proxy, fault: str, size: int, go: Path) -> None:
    """One fault, behind `size` bytes of what the agent says once it is let go."""
    ways = {"there": Way.THERE, "back": Way.BACK}.get(fault, BOTH)
    match fault:
        case "cut":
            proxy.cut_after(size)
        case "buried":
            proxy.bury_after(size)
        case _:
            proxy.close_way_after(size, ways)
    go.touch()
    met = proxy.struck(30)
    assert met, f"the {fault} met no connection"
    match fault:
        case "cut":
            return
        case "short":
            time.sleep(SHORT_SECONDS)
        case "there" | "back" | "long":
            time.sleep(LONG_SECONDS)
        case "buried":
            time.sleep(RUN_LEASE_SECONDS / 3)
    proxy.open_ways()
    time.sleep(REST_SECONDS)


def said(stack: Stack) -> int:
    """How many streams the orchestrator has given up or lost."""
    return stack.log("orchestrator").count("stream_lost")
