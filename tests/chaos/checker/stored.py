"""I8, I10 and I12: bytes are what was said, secrets are nowhere, and nothing refers to nothing."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.checker.evidence import TERMINAL, Evidence, Row, Violation, git, lowered

DESCRIPTORS = {"stdout": "1", "stderr": "2"}


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with what is stored."""
    yield from _database(evidence)
    jobs = {job["job_id"]: job for job in evidence.jobs()}
    artifacts = evidence.by_job("artifact", "path")
    for listed in artifacts.values():
        for artifact in listed:
            yield from _artifact(evidence, artifact)
    for segment in evidence.rows("SELECT * FROM segment"):
        # What a job that was given up as poison had said becomes a log once it is retried.
        if lowered(jobs[segment["job_id"]]["state"]) in TERMINAL - {"dead_letter"}:
            yield Violation("I12", f"a piece of output of {segment['job_id']} outlived its job")
        elif not (evidence.artifacts / segment["key"]).is_file():
            yield Violation("I12", f"the piece {segment['key']} is not there")
    yield from _logs(evidence, jobs, artifacts)
    yield from _checkpoints(evidence)
    yield from _secrets(evidence)


def _database(evidence: Evidence) -> Iterator[Violation]:
    for row in evidence.rows("PRAGMA integrity_check"):
        if list(row.values()) != ["ok"]:
            yield Violation("I12", f"the database is damaged: {row}")
    for row in evidence.rows("PRAGMA foreign_key_check"):
        yield Violation("I12", f"a row refers to nothing: {row}")


def _artifact(evidence: Evidence, artifact: Row) -> Iterator[Violation]:
    file = evidence.artifacts / artifact["key"]
    what = f"{artifact['path']} of {artifact['job_id']}"
    if not file.is_file():
        yield Violation("I12", f"the bytes of {what} are not there")
        return
    data = file.read_bytes()
    if len(data) != artifact["size"] or hashlib.sha256(data).hexdigest() != artifact["sha256"]:
        yield Violation("I8", f"the bytes of {what} are not those that were listed")


def _logs(
    evidence: Evidence, jobs: dict[str, Row], artifacts: dict[str, list[Row]]
) -> Iterator[Violation]:
    """Each attempt's log, stream by stream, against the copy that its agent kept itself."""
    steps = {
        (row["job_id"], row["step_index"], row["attempt"]): row["state"].lower()
        for row in evidence.rows("SELECT * FROM step")
    }
    streams: dict[tuple[str, int, int], list[Row]] = {}
    for stretch in evidence.rows(
        "SELECT * FROM stretch ORDER BY job_id, step_index, attempt, position"
    ):
        key = (stretch["job_id"], stretch["step_index"], stretch["attempt"])
        streams.setdefault(key, []).append(stretch)
    for (job_id, index, attempt), stretches in streams.items():
        job = jobs[job_id]
        if lowered(job["state"]) not in TERMINAL or "label_key" not in job:
            continue
        what = f"step {index} of {job_id}, attempt {attempt}"
        state = steps.get((job_id, index, attempt), "lost")
        path = f"logs/steps/step-{index:04}.log"
        listed = {one["path"]: one for one in artifacts.get(job_id, [])}
        artifact = listed.get(path if state != "lost" else f"attempts/{attempt}/{path}")
        if artifact is None and state == "lost" and lowered(job["state"]) == "dead_letter":
            continue
        if artifact is None:
            yield Violation("I8", f"{what} ({state}) has output and no log")
            continue
        file = evidence.artifacts / artifact["key"]
        log = file.read_bytes() if file.is_file() else b""
        if len(log) != sum(stretch["size"] for stretch in stretches):
            yield Violation("I8", f"the log of {what} has {len(log)} bytes, not what was stored")
        for stream, descriptor in DESCRIPTORS.items():
            run = f"{job_id}.{attempt}.{index}"
            copy = evidence.copies / f"{job['label_key']}.{index}.{run}.{descriptor}"
            if not copy.exists():
                continue  # the agent died before it began to keep one
            said = b"".join(
                log[one["position"] : one["position"] + one["size"]]
                for one in stretches
                if one["stream"].lower() == stream
            )
            kept = _masked(evidence, copy.read_bytes())
            whole = state == "succeeded"
            if said != kept if whole else not kept.startswith(said):
                yield Violation(
                    "I8",
                    f"{stream} of {what} ({state}): {len(said)} bytes came, {len(kept)} were said",
                )


def _masked(evidence: Evidence, data: bytes) -> bytes:
    for secret in evidence.secrets:
        data = data.replace(secret.encode(), b"*" * len(secret))
    return data


def _checkpoints(evidence: Evidence) -> Iterator[Violation]:
    wanted = {
        row["checkpoint_commit"]
        for row in evidence.rows("SELECT checkpoint_commit FROM step")
        if row["checkpoint_commit"]
    }
    there: set[str] = set()
    for mirror in evidence.mirrors.glob("*.git"):
        listed = git(mirror, "for-each-ref", "--format=%(objectname)", "refs/pawl/")
        there |= set(listed.splitlines())
        git(mirror, "fsck", "--no-dangling", "--connectivity-only")
    for commit in wanted - there:
        yield Violation("I12", f"checkpoint {commit} is held by no ref of a mirror")


def _secrets(evidence: Evidence) -> Iterator[Violation]:
    places: list[tuple[str, bytes]] = [
        (path.name, path.read_bytes())
        for path in evidence.database.parent.glob(f"{evidence.database.name}*")
    ]
    places += [(f"the log of {name}", data) for name, data in evidence.service_logs()]
    places += [
        (str(path.relative_to(evidence.artifacts)), path.read_bytes())
        for path in evidence.artifacts.rglob("*")
        if path.is_file()
    ]
    repositories = [*evidence.remotes.values(), *evidence.mirrors.glob("*.git")]
    places += [(repository.name, _objects(repository)) for repository in repositories]
    for place, data in places:
        for secret in evidence.secrets:
            if secret.encode() in data:
                yield Violation("I10", f"{secret[:12]}… stands in {place}")


def _objects(repository: Path) -> bytes:
    return subprocess.run(
        [
            *("git", "-C", str(repository), "-c", "safe.bareRepository=all"),
            *("cat-file", "--batch", "--batch-all-objects"),
        ],
        capture_output=True,
        check=True,
        timeout=300,
    ).stdout
