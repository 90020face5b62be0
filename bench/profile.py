"""Tells where a server spends its time, by running it under cProfile."""

import io
import pstats
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.measure import WARM_SECONDS
from bench.processes import ROOT, Broken, Cores, client, server

CALLERS = 8
LINES = 30


def hot_spots(
    argv: tuple[str, ...],
    method: str,
    request: bytes,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The functions that took longest themselves, then those that took longest with all they call.

    Only the main thread is seen, which is where the event loop runs. Profiling doubles and
    triples the time of small functions: the shares tell, the seconds do not. Raises Broken.
    """
    cores = Cores.split()
    with tempfile.TemporaryDirectory(prefix="pawl-bench-") as name:
        folder = Path(name)
        message = folder / "request"
        message.write_bytes(request)
        found = folder / "profile"
        profiled = ("cProfile", "-o", str(found), "-m", *argv)
        with (
            server(
                "profiled", *profiled, cores=cores.server, folder=folder, environment=environment
            ) as target,
            client(cores.client) as caller,
        ):
            calls = sum(
                caller.round(target, method, message, concurrency=CALLERS, seconds=each)[0]
                for each in (WARM_SECONDS, seconds)
            )
        if not found.exists():
            raise Broken("the server left no profile; it ended before it was asked to")
        told = io.StringIO()
        stats = pstats.Stats(str(found), stream=told)
        told.write(f"{calls} calls; start-up is in it too\n")
        stats.sort_stats("tottime").print_stats(LINES)
        stats.sort_stats("cumulative").print_stats("pawl/|services/", LINES)
    return told.getvalue().replace(f"{ROOT}/", "")
