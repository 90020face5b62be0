"""Many jobs of which only publishing is left, two owners that die and stop, a forge that fails.

The forge draws from the seed how it treats each request; people close, merge and delete some of
what is opened. When all jobs have ended the forge is healed, those that failed are retried, and
everything is judged by what the forge itself has written down.
"""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import grpc

from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from tests.chaos.checker import jobs, pulls, verdict
from tests.chaos.checker.evidence import Evidence, Violation, lowered
from tests.chaos.forge import Forge
from tests.chaos.house import ORCHESTRATORS, ROOT, House, house
from tests.chaos.machine import until
from tests.chaos.owners import QUIET_SECONDS, TERM, Owners
from tests.chaos.people import People
from tests.chaos.unfaithful import LATE_SECONDS, PACE, STALE_SECONDS, weights

HOSTS = 4
AT_ONCE = 12
"""Jobs of one owner."""
SEED_SECONDS = 600.0
RETRIES = 3
RECONCILED_SECONDS = 60.0
RECONCILED_SECONDS_A_JOB = 0.6
"""Every job that has ended is looked at, one after the other, and the forge is asked for each."""
SPACED_SECONDS = 1.0


@dataclass(slots=True)
class Publishes:
    """One run: what struck, what the forge did, what came of the jobs."""

    folder: Path
    seed: int
    jobs: int
    unique: bool = True
    people_share: float = 0.06
    struck: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    first: Counter[str] = field(default_factory=Counter)
    """How jobs had ended before any was retried."""
    retried: int = 0
    violations: list[Violation] = field(default_factory=list)
    numbers: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self) -> None:
        """Seeds, breaks, waits for the rest to end, and has it judged."""
        folder, slots = self.folder / "publishes", 2 * AT_ONCE
        with house(folder, slots=slots, forge=True, hosts=HOSTS, unique=self.unique) as built:
            forge = built.forge
            assert forge is not None
            built.more |= {
                "PAWL_PACE": str(PACE),
                "PAWL_LEASE_SECONDS": str(TERM),
                "PAWL_MAX_JOBS": str(AT_ONCE),
                "PAWL_RECONCILE_SECONDS": str(SPACED_SECONDS),
            }
            built.start("contract")
            built.start("runner")
            built.serving("contract", "runner")
            self._seed(built, forge)
            evidence = Evidence.of(built.folder)
            seeded = _sequences(evidence)
            forge.steer(
                draw={"seed": self.seed, "weights": weights(unique=self.unique)},
                lateSeconds=LATE_SECONDS,
                staleSeconds=STALE_SECONDS,
                retryAfter=1,
            )
            began = time.monotonic()
            owners = Owners(built, evidence, random.Random(self.seed), self.jobs, self.struck)
            for name in ORCHESTRATORS:
                built.start(name)
            built.serving(*ORCHESTRATORS)
            try:
                with People(forge, random.Random(self.seed + 1), self.people_share) as people:
                    owners.strike()
                    owners.wait()
                self.people = people.done
                self.first = _ends(evidence)
                earlier = jobs.ends(evidence)
                self.seconds = time.monotonic() - began
                forge.steer(release=True)
                released = time.monotonic()
                earlier = self._retry_failed(built, evidence, earlier, owners)
                if not self.unique:
                    until(lambda: time.monotonic() > released + LATE_SECONDS, "late ones", 60)
                self._reconcile(built, evidence)
            except TimeoutError as late:
                self.violations.append(Violation("I1", str(late)))
                earlier = {}
            self._judge(built, evidence, seeded, earlier)

    def report(self) -> str:
        """The numbers, and every violation."""
        lines = [
            f"publishes: seed {self.seed}, {self.jobs} jobs in {self.seconds:.0f} s, pull requests "
            f"{'unique' if self.unique else 'not unique'}; "
            + ", ".join(f"{what} {number}" for what, number in sorted(self.struck.items())),
            f"ended at first: {dict(self.first)}; {self.retried} retried; "
            f"people: {dict(self.people)}",
            *(f"{what}: {json.dumps(said)}" for what, said in self.numbers.items()),
            f"{len(self.violations)} violations",
            *(f"  {violation}"[:600] for violation in self.violations),
        ]
        if self.violations:
            lines.append(f"replay with SEED={self.seed}")
        return "\n".join(lines)

    def _seed(self, built: House, forge: Forge) -> None:
        command = [
            *(sys.executable, "-m", "tests.chaos.seeding", "--jobs", str(self.jobs)),
            *("--data", str(built.database.parent), "--contract", built.address("contract")),
            *("--forge", forge.url, "--token-file", str(built.token_file)),
        ]
        for address in built.repositories:
            command += ["--repository", address]
        subprocess.run(command, cwd=ROOT, check=True, timeout=SEED_SECONDS)

    def _retry_failed(
        self, built: House, evidence: Evidence, earlier: dict[str, str], owners: Owners
    ) -> dict[str, str]:
        """Whoever failed publishes now, or has told lawfully why it cannot.

        Gives what is stored of those that were left as they were.
        """
        for name in ORCHESTRATORS:
            built.go_on(name)
        built.serving(*ORCHESTRATORS)
        for _ in range(RETRIES):
            failed = [
                (row["job_id"], row["attempt"])
                for row in evidence.rows("SELECT job_id, attempt, state FROM job")
                if lowered(row["state"]) in {"failed", "dead_letter"}
            ]
            if not failed:
                break
            with grpc.insecure_channel(built.address(ORCHESTRATORS[0])) as channel:
                stub = rpc.OrchestratorServiceStub(channel)
                for job_id, attempt in failed:
                    asked = pb.RetryJobRequest(job_id=job_id, ended_attempt=attempt)
                    until(
                        partial(_opened, stub, asked),
                        f"{job_id} to be opened again",
                        QUIET_SECONDS,
                        owners.tend,
                    )
            self.retried += len(failed)
            reopened = {job_id for job_id, _ in failed}
            earlier = {job: told for job, told in earlier.items() if job not in reopened}
            owners.wait()
        for row in evidence.rows("SELECT job_id, state, failure_message FROM job"):
            if lowered(row["state"]) != "succeeded":
                what = (
                    f"{row['job_id']} is {row['state']} after its retry: {row['failure_message']}"
                )
                self.violations.append(Violation("I1", what))
        return earlier

    def _reconcile(self, built: House, evidence: Evidence) -> None:
        """Gives whoever looks through ended jobs the time to; the checker says what is untold."""
        with contextlib.suppress(TimeoutError):
            until(
                lambda: not pulls.untold(evidence),
                "duplicates to be told of",
                RECONCILED_SECONDS + RECONCILED_SECONDS_A_JOB * self.jobs,
                built.mend,
            )

    def _judge(
        self, built: House, evidence: Evidence, seeded: dict[str, int], earlier: dict[str, str]
    ) -> None:
        assert built.forge is not None
        built.leave(*ORCHESTRATORS)
        self.struck["faults struck"] = sum(len(built.struck(name)) for name in ORCHESTRATORS)
        pids = {s.pid for s in built.services.values() if s.process is not None}
        self.violations += verdict.judge(evidence, services=pids, earlier=earlier)
        for row in evidence.rows("SELECT job_id, type, sequence FROM event WHERE step_index >= 0"):
            if row["sequence"] > seeded.get(row["job_id"], 0):
                what = f"{row['job_id']} has told {row['type']} although its steps had finished"
                self.violations.append(Violation("I4", what))
        counts = verdict.count(evidence)
        if counts.agent_starts:
            self.violations.append(Violation("I4", f"{counts.agent_starts} agents were started"))
        answers = Counter(note["result"]["manner"] for note in evidence.forge_notes("answers"))
        changes = Counter(note["operation"] for note in evidence.forge_notes("audit"))
        adopted = evidence.rows(
            "SELECT count(*) AS number FROM event WHERE type = 'task.publish.pullRequestOpened' "
            "AND payload LIKE '%\"adopted\": true%' OR type = 'task.publish.pullRequestOpened' "
            "AND payload LIKE '%\"adopted\":true%'"
        )[0]["number"]
        duplicates = pulls.duplicates(evidence)
        self.numbers = {
            "jobs": asdict(counts),
            "the forge has done": dict(changes),
            "and has answered unfaithfully": dict(answers),
            "pull requests adopted": adopted,
            "duplicates": asdict(duplicates),
        }
        self.violations += self._worthless(counts, adopted, answers, duplicates)

    def _worthless(
        self,
        counts: verdict.Counts,
        adopted: int,
        answers: Counter[str],
        duplicates: pulls.Duplicates,
    ) -> list[Violation]:
        """What makes a run prove little although nothing else was found."""
        missing = {
            "nobody was killed": self.struck["kill"] == 0,
            "no job changed owners": counts.re_claims == 0,
            "no pull request was found instead of opened": adopted == 0,
            "no answer was lost": answers["done_unanswered"] == 0,
            "nothing was opened twice": not (self.unique or duplicates.pulls),
        }
        return [Violation("T6", what) for what, holds in missing.items() if holds]


def _opened(stub: rpc.OrchestratorServiceStub, asked: pb.RetryJobRequest) -> bool:
    """Whether it was answered: a fault that was armed earlier may stop or end who is asked."""
    try:
        stub.RetryJob(asked, timeout=10, wait_for_ready=True)
    except grpc.RpcError as problem:
        if problem.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}:
            return False
        raise
    return True


def _ends(evidence: Evidence) -> Counter[str]:
    query = (
        "SELECT coalesce(failure_reason, outcome) AS word, count(*) AS number FROM job GROUP BY 1"
    )
    return Counter({str(row["word"]): row["number"] for row in evidence.rows(query)})


def _sequences(evidence: Evidence) -> dict[str, int]:
    return {
        row["job_id"]: row["last_sequence"]
        for row in evidence.rows("SELECT job_id, last_sequence FROM job")
    }
