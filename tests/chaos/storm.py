"""Random kills and stops of every service, for as long as there are kills left, on living work."""

import contextlib
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc

from tests.chaos import tasks
from tests.chaos.blows import KEEPERS, RUNS, Blow, arming, schedule, standing_still
from tests.chaos.checker import jobs, verdict
from tests.chaos.checker.evidence import TERMINAL, Evidence, Violation
from tests.chaos.house import ORCHESTRATORS, RUNNERS, House, house
from tests.chaos.machine import descendants, until
from tests.support.proxy import BOTH, Proxy, proxy_to

LEAST_RE_CLAIMS = 0.2
STOPS_FOR_FENCE = 30
SLOTS = 6
WAITING = 3
"""Jobs more than there are slots, so that there is always something to claim."""
READING_SECONDS = 15.0
END_SECONDS = 180.0


@dataclass(slots=True)
class Storm:
    """One run: its blows, its jobs, what came of them."""

    folder: Path
    seed: int
    kills: int
    least_jobs: int
    only: str = ""
    runners: tuple[str, ...] = RUNNERS[:1]
    cuts: float = 0.0
    """The share of blows that meet the connection of an orchestrator with its runner."""
    talk: float = 0.6
    """Seconds that a step talks at most."""
    least_talk: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    submitted: int = 0
    refused: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    counts: verdict.Counts | None = None
    seconds: float = 0.0
    _earlier: dict[str, str] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _open: int = 0
    _proxies: dict[str, list[Proxy]] = field(default_factory=dict)

    def run(self) -> None:
        """Breaks, waits for the rest to end, and has it judged."""
        blows = schedule(self.seed, self.kills, self.only, self.cuts, self.runners)
        (self.folder / "schedule").write_text("".join(f"{blow}\n" for blow in blows))
        began = time.monotonic()
        with contextlib.ExitStack() as lives:
            built = lives.enter_context(
                house(self.folder / "storm", slots=SLOTS // len(self.runners))
            )
            if self.cuts:
                for name in ORCHESTRATORS:
                    self._proxies[name] = [
                        lives.enter_context(proxy_to(built.address(one))) for one in self.runners
                    ]
            for name in ORCHESTRATORS:
                behind = [proxy.address for proxy in self._proxies.get(name, ())]
                built.targets[name] = ",".join(behind or map(built.address, self.runners))
            there = ("contract", *self.runners, *ORCHESTRATORS)
            for name in there:
                built.start(name)
            built.serving(*there)
            trees = self._references(built)
            evidence = Evidence.of(built.folder, trees)
            callers = tasks.Callers(built, patience=120)
            submitting = threading.Thread(target=self._submit, args=(built, callers), daemon=True)
            submitting.start()
            self._blow(built, evidence, iter(blows))
            self._over.set()
            submitting.join(130)
            self._wait_for_the_end(built, evidence)
            callers.close()
            pids = {s.pid for s in built.services.values() if s.process is not None}
            self.violations += verdict.judge(evidence, services=pids, earlier=self._earlier)
            self.counts = verdict.count(evidence)
            self.violations += self._worthless(self.counts)
        self.seconds = time.monotonic() - began

    def _worthless(self, counts: verdict.Counts) -> Iterator[Violation]:
        """What makes a run prove little although nothing else was found."""
        if self.only:
            return
        if counts.re_claims < LEAST_RE_CLAIMS * self.kills:
            yield Violation("T4", f"only {counts.re_claims} re-claims: the kills met idle services")
        stops = sum(number for what, number in self.struck.items() if what.startswith("stop"))
        if stops >= STOPS_FOR_FENCE and not counts.fenced_writes:
            yield Violation("I13", f"after {stops} stops the fence has refused no write")

    def report(self) -> str:
        """The numbers, and every violation."""
        assert self.counts is not None
        killed = sum(number for what, number in self.struck.items() if what.startswith("kill"))
        lines = [
            f"storm: seed {self.seed}, {killed} kills among {sum(self.struck.values())} blows in "
            f"{self.seconds:.0f} s: "
            + ", ".join(f"{what} {number}" for what, number in sorted(self.struck.items())),
            json.dumps(asdict(self.counts)),
            f"re-claims are {100 * self.counts.re_claims / max(killed, 1):.0f} % of kills; writes "
            f"refused by the fence: {self.counts.fenced_writes}, of them {self.counts.leases_lost} "
            "renewals",
            f"{len(self.violations)} violations",
            *(f"  {violation}"[:1000] for violation in self.violations),
            *(f"  not submitted: {why}" for why in self.refused),
        ]
        if self.violations or self.refused:
            lines += [f"replay with SEED={self.seed}; the blows:", *self._blows()]
        return "\n".join(lines)

    def _blows(self) -> list[str]:
        return (self.folder / "schedule").read_text().splitlines()

    def _references(self, built: House) -> dict[str, str]:
        """The tree that such a job ends with when nothing fails."""
        tasks.go(built, "reference")
        callers = tasks.Callers(built)
        job_id = callers.submit(
            ORCHESTRATORS, "reference", tasks.payload(built, "reference"), kind="reference"
        )
        callers.close()
        evidence = Evidence.of(built.folder)
        query = "SELECT tree FROM publication JOIN job USING (job_id) WHERE job_id = ?"
        until(
            lambda: evidence.rows(f"{query} AND state = 'succeeded'", job_id),
            "the job without a fault",
            60,
        )
        return {"plain": str(evidence.rows(query, job_id)[0]["tree"])}

    def _submit(self, built: House, callers: tasks.Callers) -> None:
        """Keeps as many jobs open as there are slots and some, while there are blows left."""
        dice = random.Random(self.seed + 1)
        while not self._over.is_set() or self.submitted < self.least_jobs:
            if self._open >= SLOTS + WAITING and not self._over.wait(0.05):
                continue
            self.submitted += 1
            self._open += 1
            key, kind = f"job-{self.submitted}", dice.random()
            tasks.go(built, key)
            body = tasks.payload(
                built, key, seconds=dice.uniform(self.least_talk, self.talk), fails=kind < 0.1
            )
            expect = "failed" if kind < 0.1 else "succeeded"
            cancelled = 0.1 <= kind < 0.2
            try:
                labels = {"kind": "plain", "expect": "cancelled|succeeded" if cancelled else expect}
                job_id = callers.submit(ORCHESTRATORS, key, body, **labels)
                if cancelled:
                    time.sleep(dice.uniform(0, 2))
                    callers.cancel(ORCHESTRATORS, job_id)
            except grpc.RpcError as error:
                self.refused.append(f"{key}: {error}"[:300])

    def _blow(self, built: House, evidence: Evidence, blows: Iterator[Blow]) -> None:
        due, blow = 0.0, next(blows, None)
        dice = random.Random(self.seed + 2)
        if not self.only:
            built.arming = arming(dice)
        stopped: dict[str, float] = {}
        holes: dict[str, float] = {}
        looked = read = 0.0
        while blow is not None:
            now = time.monotonic()
            built.mend()
            for name in [name for name, until_ in stopped.items() if until_ <= now]:
                del stopped[name]
                built.go_on(name)
            for name in ORCHESTRATORS:
                if name not in stopped and built.has_stopped(name):
                    self.struck[f"stop at a point of {name}"] += 1
                    stopped[name] = now + standing_still(dice)
            for name in [name for name, until_ in holes.items() if until_ <= now]:
                del holes[name]
                for proxy in self._proxies[name]:
                    proxy.open_ways()
            if now - looked > 0.2:
                looked = now
                self._open = self.submitted - self._ended(evidence)
            if now - read > READING_SECONDS:
                read = now
                self._earlier = jobs.ends(evidence) | self._earlier
            due = due or now + blow.gap
            name = blow.target.partition(" ")[0]
            # Only what serves: a kill of what is still starting would break nothing.
            if now >= due and name not in stopped and self._worth_it(built, blow, name):
                self._strike(built, blow, name)
                if blow.seconds:
                    (stopped if blow.what == "stop" else holes)[name] = now + blow.seconds
                due, blow = 0.0, next(blows, None)
            time.sleep(0.02)
        built.arming = lambda _name: ""
        self._stand_up(built)
        for name in holes:
            for proxy in self._proxies[name]:
                proxy.open_ways()

    def _stand_up(self, built: House) -> None:
        """Has no orchestrator be armed, or stand still, any more."""
        for name in ORCHESTRATORS:
            built.go_on(name)
            built.kill(name)
        built.mend()

    def _worth_it(self, built: House, blow: Blow, name: str) -> bool:
        """Something is there that the blow can break."""
        if blow.target.endswith((RUNS, KEEPERS)):
            # Where there are two of them one may have nothing to do for long.
            idle = not any(map(descendants, built.keepers(name)))
            if idle and len(self.runners) == 1:
                return False
        return built.answers(name)

    def _strike(self, built: House, blow: Blow, name: str) -> None:
        self.struck[f"{blow.what} {blow.target}"] += 1
        match blow.what:
            case "stop":
                built.stop(name)
            case "cut":
                for proxy in self._proxies[name]:
                    proxy.cut()
            case "hole":
                for proxy in self._proxies[name]:
                    proxy.close_way(BOTH)
            case _:
                built.kill(name)
                if blow.target.endswith((RUNS, KEEPERS)):
                    built.kill_runs(name, agents=blow.target.endswith(RUNS))

    def _ended(self, evidence: Evidence) -> int:
        states = evidence.rows(
            "SELECT state, count(*) AS number FROM job WHERE request_id <> 'reference' "
            "GROUP BY state"
        )
        return sum(row["number"] for row in states if row["state"].lower() in TERMINAL)

    def _wait_for_the_end(self, built: House, evidence: Evidence) -> None:
        places = [built.folder / name / "workspaces" for name in self.runners]
        try:
            # For as long as any ends now and then: a slow machine may have many left.
            while (ended := self._ended(evidence)) < self.submitted - len(self.refused):
                until(
                    lambda before=ended: self._ended(evidence) > before,  # type: ignore[misc]
                    "another job to end",
                    END_SECONDS,
                    built.mend,
                )
            self._earlier = jobs.ends(evidence) | self._earlier
            until(
                lambda: not any(list(place.iterdir()) for place in places),
                "no workspace",
                30,
                built.mend,
            )
        except TimeoutError as late:
            sys.stdout.write(f"{late}\n")  # the checker says what is not as it should be
