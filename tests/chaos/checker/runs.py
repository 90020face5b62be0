"""I5, I9 and I11: which agents lived, what is left of them, what they made others run."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.chaos.checker.evidence import Evidence, Violation


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with the agents' lives, by their own notes."""
    for audit in sorted(evidence.audits.iterdir()):
        lines = [line.split() for line in audit.read_text().splitlines()]
        starts = Counter(line[3] for line in lines if line[0] == "start")
        for run, times in starts.items():
            if times > 1:
                yield Violation("I5", f"the agent of run {run} was started {times} times")
        for line in lines:
            if line[0].startswith("beside-"):
                yield Violation("I5", f"run {line[3]} began beside process {line[0][7:]}")
        yield from _overlaps(lines)
    if evidence.canary.exists():
        yield Violation("I11", "a program that an agent had planted was run by somebody else")


def left_over(evidence: Evidence, services: set[int]) -> Iterator[Violation]:
    """I9: processes and workspaces that outlive their jobs; `services` may live."""
    for pid, said in _processes(evidence):
        if pid not in services:
            yield Violation("I9", f"process {pid} is left: {said}")
    for runner in evidence.runners:
        for place in ("workspaces",):
            folder = runner / place
            if folder.is_dir() and (left := sorted(one.name for one in folder.iterdir())):
                yield Violation("I9", f"{folder} still holds {left[:5]} ({len(left)})")


def starts(evidence: Evidence) -> int:
    """How many agents were started in all."""
    return sum(
        line.startswith("start ")
        for audit in evidence.audits.iterdir()
        for line in audit.read_text().splitlines()
    )


def _overlaps(lines: list[list[str]]) -> Iterator[Violation]:
    """Lives of one job's runs by the times that the agents noted themselves."""
    begun = {line[1]: (float(line[2]), line[3]) for line in lines if line[0] == "start"}
    over = {line[1]: float(line[2]) for line in lines if line[0] == "stop"}
    lives = sorted((start, over[pid], run) for pid, (start, run) in begun.items() if pid in over)
    for (_, end, run), (start, _, other) in itertools.pairwise(lives):
        if start < end and run != other:
            yield Violation("I5", f"runs {run} and {other} lived at the same time")


def _processes(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Processes that have to do with the runners' directories."""
    places = [str(runner) for runner in evidence.runners]
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}:
                continue
            said = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
            known = said + str((folder / "cwd").readlink())
            known += (folder / "environ").read_text(errors="replace")
            for descriptor in (folder / "fd").iterdir():
                with suppress(OSError):
                    known += str(descriptor.readlink())
            if any(place in known for place in places):
                yield int(folder.name), said
