"""GetHistory of a week in which a hundred thousand jobs ended, beside GetQueue."""

import random
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc

from bench.orchestrators import ORCHESTRATOR, SECONDS, filled, orchestrator, settings
from bench.processes import Cores
from bench.profile import hot_spots
from bench.report import Target
from bench.waits import Call, Waits, waited
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc

JOBS = 100_000
MILLIS_WANTED = 150
METHOD = "/pawl.v1.OrchestratorService/GetHistory"
BESIDE = "GetQueue"
SEED = 20261129
CLAIMED = 0.95
"""The share of jobs that were not cancelled before."""
HOUR, DAY, WEEK = 3600, 86_400, 604_800
SPANS = {
    "an hour in 30": (HOUR, 30),
    "a day in 48": (DAY, 48),
    "a week in 56": (WEEK, 56),
    "a week in 168": (WEEK, 168),
}
"""Their seconds and buckets; the first three are what the dashboard asks for."""
FULL = "a week in 56"


def run(*, rounds: int, seconds: float) -> Waits:
    """Fills a database, then calls. Raises Broken when a call fails."""
    cores = Cores.split()
    with ExitStack() as scope:
        folder = Path(scope.enter_context(tempfile.TemporaryDirectory(prefix="pawl-bench-")))
        ended = _spread(filled(folder, cores, jobs=JOBS))
        asked = scope.enter_context(orchestrator("orchestrator", folder, cores))
        connected = scope.enter_context(grpc.insecure_channel(asked.address))
        stub = rpc.OrchestratorServiceStub(connected)
        queue = partial(stub.GetQueue, pb.GetQueueRequest(), timeout=SECONDS, wait_for_ready=True)
        calls = [Call(BESIDE, queue, BESIDE)]
        for name in SPANS:
            asking = partial(stub.GetHistory, _request(name), timeout=SECONDS)
            calls.append(Call(f"GetHistory, {name}", asking, BESIDE))
        waits = waited(calls, rounds=rounds, seconds=seconds)
    found = next(one for one in waits if one.name == f"GetHistory, {FULL}")
    target = Target(f"{found.name}, p50", found.median, MILLIS_WANTED, "ms", at_most=True)
    return Waits("history", (f"{ended:,} jobs ended in a week", cores.told()), waits, (target,))


def profile(*, seconds: float) -> str:
    """Where the orchestrator spends `seconds` of asking for a week. Raises Broken."""
    with tempfile.TemporaryDirectory(prefix="pawl-bench-") as name:
        folder = Path(name)
        _spread(filled(folder, Cores.split(), jobs=JOBS))
        request = _request(FULL).SerializeToString()
        return hot_spots(
            ORCHESTRATOR, METHOD, request, seconds=seconds, environment=settings(folder)
        )


def _request(name: str) -> pb.GetHistoryRequest:
    whole, buckets = SPANS[name]
    return pb.GetHistoryRequest(bucket_length=timedelta(seconds=whole // buckets), buckets=buckets)


def _spread(file: Path) -> int:
    """Has the jobs of a database end all over the last week; how many did."""
    chance = random.Random(SEED)  # noqa: S311 - the same times every time
    with closing(sqlite3.connect(file)) as database:
        query = "SELECT submit_order FROM job WHERE end_time IS NOT NULL"
        ended = [row[0] for row in database.execute(query)]
        database.executemany(
            "UPDATE job SET end_time = ?, start_time = ?, opened_time = ?, create_time = ?"
            " WHERE submit_order = ?",
            [(*_times(chance), one) for one in ended],
        )
        database.commit()
    return len(ended)


def _times(chance: random.Random) -> tuple[int, int | None, int, int]:
    """When a job ended, was claimed, if it was, and was submitted; in microseconds."""
    end = int(1e6 * (time.time() - chance.uniform(0, WEEK)))
    start = end - int(1e6 * chance.lognormvariate(6, 1))
    opened = start - int(1e6 * chance.lognormvariate(3, 2))
    return end, start if chance.random() < CLAIMED else None, opened, opened
