"""Runs the benchmarks: ``python -m bench [NAME ...]``."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bench import history, lists, validate
from bench.processes import Broken


class Found(Protocol):
    """What a benchmark found."""

    def text(self) -> str:
        """For people."""
        ...

    def document(self) -> Mapping[str, Any]:
        """For machines."""
        ...


class Benchmark(Protocol):
    """A module that is one benchmark."""

    def run(self, *, rounds: int, seconds: float) -> Found:
        """Measures. Raises Broken when a call fails."""
        ...

    def profile(self, *, seconds: float) -> str:
        """Tells where the time goes. Raises Broken when a call fails."""
        ...


BENCHMARKS: dict[str, Benchmark] = {"validate": validate, "lists": lists, "history": history}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 whatever the figures; 1 when a call failed, 2 when no benchmark has the name."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--rounds", type=_rounds, default=10, help="of each subject (10)")
    parser.add_argument("--seconds", type=_seconds, default=0.5, help="of each round (0.5)")
    parser.add_argument("--json", action="store_true", help="one JSON document a benchmark")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead")
    told = parser.parse_args(arguments)
    for name in told.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    for name in told.names or BENCHMARKS:
        try:
            if told.profile:
                shown = BENCHMARKS[name].profile(seconds=told.rounds * told.seconds)
            else:
                found = BENCHMARKS[name].run(rounds=told.rounds, seconds=told.seconds)
                shown = json.dumps(found.document()) if told.json else found.text()
        except Broken as broken:
            sys.stderr.write(f"bench {name}: {broken}\n")
            return 1
        sys.stdout.write(f"{shown}\n")
    return 0


def _rounds(given: str) -> int:
    rounds = int(given)
    if not 1 <= rounds <= 1_000:
        raise argparse.ArgumentTypeError("1 to 1000 rounds make a measurement")
    return rounds


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 0.01 <= seconds <= 600:
        raise argparse.ArgumentTypeError("a round takes 0.01 to 600 seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
