"""Each fault point with each action, on a job of three steps, one at a time."""

import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pawl.wire.faultpoints import Action, Point
from tests.chaos import tasks
from tests.chaos.checker import jobs, verdict
from tests.chaos.checker.evidence import TERMINAL, Evidence, Row
from tests.chaos.house import LEASE, ORCHESTRATORS, House, house
from tests.chaos.machine import until
from tests.chaos.onlooker import Onlooker, looking_on

RUNNER_POINTS = (Point.T2, Point.T4, Point.T5)
END_SECONDS = 45.0
STRIKE_SECONDS = 25.0
QUIET_SECONDS = 1.5
TABLES = ("job", "step", "event", "artifact", "segment", "stretch", "publication")
MOVING = {"lease_until"}
BEHIND_THE_GATE = {
    *(Point.B1, Point.B2, Point.B3, Point.B4, Point.B5, Point.B6, Point.B7, Point.B8),
    *(Point.F1, Point.F2, Point.F3),
}
"""Only reached once the second step may go on."""
STILL_OWNED = {Point.F2}
"""Stopped there, an owner keeps its job: the job has ended under it."""


@dataclass(slots=True)
class Told:
    """What became of one cell."""

    point: Point
    action: Action
    seconds: float = 0.0
    reached: bool = False
    held: bool = False
    """It was stopped while it held the database."""
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        word = "ok" if self.reached and not self.wrong else "WRONG" if self.wrong else "UNREACHED"
        word += " (held the database)" if self.held else ""
        said = "".join(f"\n    {one}" for one in self.wrong)
        return f"{self.point:<7} {self.action:<6} {word:<9} {self.seconds:5.1f} s{said}"


class Matrix:
    """One house after the other cell; a cell that went wrong leaves a new house to the next."""

    def __init__(self, folder: Path, cells: Iterable[tuple[Point, Action]]) -> None:
        self._folder = folder
        self._cells = list(cells)
        self.told: list[Told] = []
        self.fenced = 0
        """Writes that the fence has refused."""

    def run(self) -> None:
        """Goes through all cells."""
        number = 0
        while len(self.told) < len(self._cells):
            number += 1
            with (
                house(self._folder / f"house-{number}", forge=True) as built,
                looking_on(built.address("runner")) as onlooker,
            ):
                # Only the one that faults strike: what it calls afterwards is what matters.
                built.targets[ORCHESTRATORS[0]] = onlooker.address
                self._through(built, onlooker)

    def _through(self, built: House, onlooker: Onlooker) -> None:
        """Until all are told, or one went wrong."""
        callers = tasks.Callers(built)
        built.start("contract")
        built.start("runner")
        built.start(ORCHESTRATORS[0])
        built.serving("contract", "runner", ORCHESTRATORS[0])
        trees = {"plain": _reference(built, callers)}
        built.leave(ORCHESTRATORS[0])
        earlier: dict[str, str] = {}
        for point, action in self._cells[len(self.told) :]:
            told = Told(point, action)
            self.told.append(told)
            began = time.monotonic()
            try:
                key = f"{point}-{action}-{len(self.told)}"
                _cell(built, callers, onlooker, told, key)
                evidence = Evidence.of(built.folder, trees)
                pids = {s.pid for s in built.services.values() if s.process is not None}
                told.wrong += map(str, verdict.judge(evidence, services=pids, earlier=earlier))
                earlier = jobs.ends(evidence)
            except TimeoutError as late:
                told.wrong.append(str(late))
            finally:
                built.leave(*ORCHESTRATORS)
            told.seconds = time.monotonic() - began
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
            if told.wrong:
                break
        self.fenced += verdict.count(Evidence.of(built.folder)).fenced_writes
        callers.close()


def _reference(built: House, callers: tasks.Callers) -> str:
    """The tree that such a job ends with when nothing fails."""
    tasks.go(built, "reference")
    body = tasks.payload(built, "reference")
    job_id = callers.submit(ORCHESTRATORS[:1], "reference", body, kind="reference")
    evidence = Evidence.of(built.folder)
    until(lambda: _state(evidence, job_id) == "succeeded", "the job without a fault", 60)
    return str(evidence.rows("SELECT tree FROM publication WHERE job_id = ?", job_id)[0]["tree"])


def _cell(built: House, callers: tasks.Callers, onlooker: Onlooker, told: Told, key: str) -> None:
    fault = f"{told.point}={told.action}"
    at_runner = told.point in RUNNER_POINTS
    victim = "runner" if at_runner else ORCHESTRATORS[0]
    if at_runner:
        built.leave("runner")
        built.start("runner", fault)
        built.start(ORCHESTRATORS[0])
        built.start(ORCHESTRATORS[1])
    else:
        # The other one comes once the fault has struck: else it might get the job first.
        built.start(ORCHESTRATORS[0], fault)
    built.serving("runner", ORCHESTRATORS[0])
    before = len(built.struck(victim))
    if told.action is not Action.STOP or told.point in BEHIND_THE_GATE:
        tasks.go(built, key)
    submitting = threading.Thread(
        target=_submit, args=(built, callers, key), name=f"submit {key}", daemon=True
    )
    submitting.start()
    evidence = Evidence.of(built.folder)
    try:
        until(lambda: len(built.struck(victim)) > before, f"{fault} to strike", STRIKE_SECONDS)
    except TimeoutError:
        tasks.go(built, key)
        return  # told as unreached, never passed over
    told.reached = True
    struck = time.monotonic()
    if not at_runner:
        built.start(ORCHESTRATORS[1])
    if told.action is Action.STOP:
        told.wrong += _go_on(built, evidence, onlooker, told, key, struck)
    tasks.go(built, key)
    until(
        lambda: _state_of(evidence, key) in TERMINAL,
        f"the end of {key}, which is {_state_of(evidence, key)}",
        END_SECONDS,
        built.mend,
    )
    submitting.join(20)
    until(lambda: not _housed(built), "workspaces to be removed", 15, built.mend)


def _submit(built: House, callers: tasks.Callers, key: str) -> None:
    body = tasks.payload(built, key)
    callers.submit(ORCHESTRATORS, key, body, kind="plain", expect="succeeded")


def _go_on(
    built: House, evidence: Evidence, onlooker: Onlooker, told: Told, key: str, struck: float
) -> list[str]:
    """Continues what was stopped after twice the lease; a stale owner may then write nothing."""
    until(lambda: time.monotonic() - struck >= 2 * LEASE, "twice the lease", 60)
    if told.point in RUNNER_POINTS:
        built.go_on("runner")
        return []
    victim = ORCHESTRATORS[0]
    # Stopped in the middle of a commit, as always at F1, it keeps everybody else from writing:
    # nobody can have taken the job, and it may go on with what it has begun.
    told.held = _is_held(evidence)
    if not told.held:
        gate = told.point not in BEHIND_THE_GATE
        rest = f"the next owner of {key} to come to rest"
        until(lambda: _at_rest(evidence, key, gate=gate), rest, 30, built.mend)
    before, pushed, resumed = _facts(evidence, key), _refs(evidence), time.monotonic()
    built.go_on(victim)
    if told.held or told.point in STILL_OWNED:
        return []
    time.sleep(QUIET_SECONDS)  # the time it gets to do what it must not
    wrong = list(_differences(before, _facts(evidence, key)))
    if pushed != _refs(evidence):
        wrong.append("I6: after SIGCONT branches or pull requests changed")
    job = _facts(evidence, key)["job"][0]
    if called := onlooker.calls(resumed, job["job_id"], job["epoch"]):
        wrong.append(f"I13: after SIGCONT the runner was called: {called}")
    return wrong


def _is_held(evidence: Evidence) -> bool:
    """Nobody can write to the database now."""
    with contextlib.closing(sqlite3.connect(evidence.database, timeout=2)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        database.rollback()
        return False


def _differences(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> Iterator[str]:
    for table in TABLES:
        for row in after[table]:
            if row not in before[table]:
                yield f"I13: after SIGCONT {table} has {row}"[:600]
        if len(after[table]) < len(before[table]):
            yield f"I13: after SIGCONT {table} has lost rows"


def _at_rest(evidence: Evidence, key: str, *, gate: bool) -> bool:
    """The job has ended, or its second step has said all and waits to be told to go on."""
    jobs_of = evidence.rows("SELECT job_id, state FROM job WHERE request_id = ?", key)
    if not jobs_of:
        return False
    if not gate or jobs_of[0]["state"].lower() in TERMINAL:
        return jobs_of[0]["state"].lower() in TERMINAL
    stored = evidence.rows(
        "SELECT sum(size) AS size FROM stretch WHERE job_id = ? AND step_index = 1",
        jobs_of[0]["job_id"],
    )[0]["size"]
    said = sum(path.stat().st_size for path in evidence.copies.glob(f"{key}.1.*"))
    return said >= 2 * tasks.TALK and said == stored


def _facts(evidence: Evidence, key: str) -> dict[str, list[Row]]:
    """All rows of a job but for what every renewal moves."""
    return {
        table: [
            {name: value for name, value in row.items() if name not in MOVING}
            for row in evidence.rows(
                f"SELECT * FROM {table} WHERE job_id = (SELECT job_id FROM job "
                "WHERE request_id = ?)",
                key,
            )
        ]
        for table in TABLES
    }


def _refs(evidence: Evidence) -> Any:
    heads = [path / "refs" / "heads" for path in evidence.remotes.values()]
    files = [one for folder in heads for one in folder.rglob("*") if one.is_file()]
    return sorted((str(one), one.read_text()) for one in files), evidence.forge_notes("audit")


def _state_of(evidence: Evidence, key: str) -> str:
    rows = evidence.rows("SELECT state FROM job WHERE request_id = ?", key)
    return str(rows[0]["state"]).lower() if rows else "not there"


def _state(evidence: Evidence, job_id: str) -> str:
    rows = evidence.rows("SELECT state FROM job WHERE job_id = ?", job_id)
    return str(rows[0]["state"]).lower() if rows else "not there"


def _housed(built: House) -> Sequence[Path]:
    folder = built.folder / "runner" / "workspaces"
    return list(folder.iterdir()) if folder.is_dir() else []
