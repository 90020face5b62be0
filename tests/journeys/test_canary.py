"""The forge's token is found nowhere but in its file, and in the environment of git itself.

The whole machine is looked at while the forge holds a request: whoever asked is alive then.
"""

import base64
import os
import secrets
import string
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Manners, Operation
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.stack import Stack, bare_repository, running_stack, task, until
from tests.support.wired_stack import wired_stack

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

# Another one each time: several of these may run on one machine, which is looked at whole.
CANARY = "ghp_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
GIT_CALLS = (Operation.ADVERTISE, Operation.UPLOAD, Operation.PUSH)


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in hex, and the part of its base64 that no neighbour changes."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        yield coded[4 if before else 0 : len(coded) // 4 * 4]


FORMS = tuple(forms(CANARY))


def holds(data: bytes) -> bool:
    return any(form in data for form in FORMS)


@dataclass(frozen=True)
class Seen:
    """One process at one moment."""

    pid: int
    parent: int
    name: str
    told: bool
    """Its command line, which everybody on the machine can read, holds the canary."""
    knows: bool
    """Its environment does."""


def processes() -> dict[int, Seen]:
    """Every process there is now, as far as it may be looked at."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            found[int(folder.name)] = Seen(
                pid=int(folder.name),
                parent=int(rest.split()[1]),
                name=name,
                told=holds((folder / "cmdline").read_bytes()),
                knows=holds((folder / "environ").read_bytes()),
            )
        except (OSError, IndexError):
            continue
    return found


@dataclass
class Onlooker(Manners):
    """Looks at the whole machine at each request that the forge gets."""

    moments: list[tuple[Operation, Mapping[int, Seen]]] = field(default_factory=list)
    _mine: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__init__()

    @override
    def of(self, operation: Operation) -> Manner:
        seen = processes()
        with self._mine:
            self.moments.append((operation, seen))
        return super().of(operation)


def below(seen: Mapping[int, Seen], pid: int) -> set[int]:
    """A process with all that descend from it."""
    family = {pid}
    while more := {one.pid for one in seen.values() if one.parent in family} - family:
        family |= more
    return family


def holding(folder: Path) -> list[Path]:
    """Every file below that holds the canary in some form."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return [file for file in files if file.is_file() and holds(file.read_bytes())]


def repositories(folder: Path) -> list[Path]:
    """Every folder below that git keeps objects in."""
    return [Path(place) for place, names, _ in os.walk(folder) if {"objects", "refs"} <= {*names}]


def objects(repository: Path) -> bytes:
    """What all objects of a repository hold, unpacked."""
    asked = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    quiet = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_DIR": str(repository)}
    return subprocess.run(asked, env=quiet, capture_output=True, check=True, timeout=60).stdout


@dataclass(frozen=True)
class Afterwards:
    """What there is to look at when jobs have ended, well and badly, and all is down."""

    folder: Path
    token_file: Path
    onlooker: Onlooker
    pids: Mapping[str, int]
    repository: Repository
    jobs: Sequence[Mapping[str, Any]]
    told: Sequence[str]
    """All that clients were told."""
    at_work: Mapping[int, Seen]
    """The machine while an agent worked."""
    lying: Sequence[Path]
    """Files that held the canary then, the agent's workspace among those looked at."""


def end(stack: Stack, forge: FakeForge, manners: Mapping[Operation, Manner]) -> dict[str, Any]:
    """A job that publishes to a forge that answers so."""
    for operation, manner in manners.items():
        forge.manners.set(operation, manner)
    job = stack.wait(stack.submit(task("acme/canary", "do: write new.txt new\\n", publish="pr")))
    forge.manners.release()
    return job


@pytest.fixture(scope="module")
def afterwards(tmp_path_factory: pytest.TempPathFactory) -> Afterwards:
    folder = tmp_path_factory.mktemp("canary")
    token_file = folder / "secrets" / "token"
    token_file.parent.mkdir()
    token_file.write_text(f"{CANARY}\n")
    remote = bare_repository(folder / "acme" / "canary.git", {"hello.txt": "hello\n"})
    repository, onlooker = Repository("acme", "canary", remote), Onlooker()
    served = FakeForge(Audit(folder / "audit"), {CANARY: "pawl"}, {"acme/canary": repository})
    served.manners = onlooker
    begun, let_go = folder / "begun", folder / "let-go"
    with fake_forge(served) as forge:
        environment: dict[str, Any] = {
            "PAWL_GITHUB_URL": forge.url,
            "PAWL_GITHUB_API_URL": forge.url,
            "PAWL_GITHUB_TOKEN_FILE": str(token_file),
            "PAWL_LOG_LEVEL": "debug",
            "PAWL_PACE": "0.02",
        }
        with running_stack(folder, **environment) as stack:
            script = f"do: touch {begun}\ndo: wait-for {let_go}\ndo: run env > environment.txt"
            first = stack.submit(task("acme/canary", script, publish="pr"))
            until(begun.exists)
            at_work, lying = processes(), holding(folder)
            let_go.touch()
            jobs = [
                stack.wait(first),
                end(stack, forge, {Operation.OPEN: Manner.FORBIDDEN}),
                end(stack, forge, {Operation.OPEN: Manner.UNAUTHORIZED}),
                end(stack, forge, {Operation.PUSH: Manner.FORBIDDEN}),
                end(stack, forge, {Operation.ADVERTISE: Manner.UNAUTHORIZED}),
            ]
            told = [str(stack.events(job["jobId"])) for job in jobs] + [str(jobs)]
            told += [
                stack.pawl(*words, "--json").stdout
                for words in (("doctor",), ("show", first), ("explain", first), ("jobs",))
            ]
            pids = stack.pids()
    return Afterwards(
        folder=folder,
        token_file=token_file,
        onlooker=onlooker,
        pids=pids,
        repository=repository,
        jobs=jobs,
        told=told,
        at_work=at_work,
        lying=lying,
    )


def test_jobs_ended_in_all_these_ways(afterwards: Afterwards) -> None:
    ends = [job["outcome"].removeprefix("JOB_OUTCOME_") for job in afterwards.jobs]
    reasons = [job.get("failure", {}).get("reason") for job in afterwards.jobs]

    assert ends == ["PULL_REQUEST", "FAILED", "FAILED", "FAILED", "FAILED"]
    assert reasons[1:4] == ["PUBLISH_REJECTED", "PUBLISH_AUTH", "PUBLISH_AUTH"]
    assert reasons[4] == "REPO_AUTH"
    assert len(afterwards.repository.pulls) == 1


def test_git_was_looked_at_in_the_act(afterwards: Afterwards) -> None:
    """Else all that follows would prove nothing."""
    for operation in GIT_CALLS:
        moments = [seen for asked, seen in afterwards.onlooker.moments if asked is operation]
        assert moments
        for seen in moments:
            assert any(one.knows and one.name.startswith("git") for one in seen.values())


def test_no_command_line_ever_held_the_token(afterwards: Afterwards) -> None:
    moments = [*(seen for _, seen in afterwards.onlooker.moments), afterwards.at_work]

    assert [one for seen in moments for one in seen.values() if one.told] == []


def test_only_git_of_the_orchestrator_knows_the_token(afterwards: Afterwards) -> None:
    for _, seen in afterwards.onlooker.moments:
        orchestrator = below(seen, afterwards.pids["orchestrator"])
        for one in seen.values():
            if one.knows:
                assert one.name.startswith("git")
                assert one.pid in orchestrator


def test_neither_runner_nor_agent_knows_it(afterwards: Afterwards) -> None:
    runner = below(afterwards.at_work, afterwards.pids["runner"])
    names = [afterwards.at_work[pid].name for pid in runner]

    assert len(names) > 1, "no agent was at work"
    assert not any(afterwards.at_work[pid].knows for pid in runner)


def test_nothing_on_disk_holds_it_but_its_file(afterwards: Afterwards) -> None:
    """Logs at their wordiest, database, artifacts, mirrors, workspaces, homes, packs, cores."""
    assert holding(afterwards.folder) == [afterwards.token_file]
    assert afterwards.lying == [afterwards.token_file]


def test_no_object_of_git_holds_it(afterwards: Afterwards) -> None:
    found = repositories(afterwards.folder)

    assert any("mirrors" in each.parts for each in found)
    assert any("runner" in each.parts for each in found)
    assert [each for each in found if holds(objects(each))] == []


def test_nobody_is_told_of_it(afterwards: Afterwards) -> None:
    [pull] = afterwards.repository.pulls

    assert all(afterwards.told)
    assert not any(holds(words.encode()) for words in [*afterwards.told, pull.title, pull.body])


def test_nothing_that_passes_between_orchestrator_and_runner_holds_it(tmp_path: Path) -> None:
    """Every byte, while a step fetched with the token runs and its result is published by it."""
    token_file = tmp_path / "token"
    token_file.write_text(CANARY)
    remote = bare_repository(tmp_path / "acme" / "wire.git", {"hello.txt": "hello\n"})
    repository = Repository("acme", "wire", remote)
    served = FakeForge(Audit(tmp_path / "audit"), {CANARY: "pawl"}, {"acme/wire": repository})
    with fake_forge(served) as forge:
        environment: dict[str, Any] = {
            "PAWL_GITHUB_URL": forge.url,
            "PAWL_GITHUB_API_URL": forge.url,
            "PAWL_GITHUB_TOKEN_FILE": str(token_file),
        }
        with wired_stack(tmp_path, **environment) as (stack, proxy):
            proxy.heard = bytearray()
            script = "do: say heard-on-the-wire\ndo: write new.txt new\\n"
            job = stack.wait(stack.submit(task("acme/wire", script, publish="pr")))
            heard = bytes(proxy.heard)

    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert b"heard-on-the-wire" in heard
    assert not holds(heard)
