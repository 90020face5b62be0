"""What driving a job asks of runners and of the fleet they are in."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from pathlib import Path
from typing import Protocol

from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.eligibility import Offers
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import Artifact, JobId, Stream, Usage
from services.orchestrator.jobs.receipts import Receipt


class RunnerUnreachable(Exception):
    """No answer, or a stream that broke; what was asked for may have been done."""


class RunAlive(RunnerUnreachable):
    """The runner answered that it has not been able to end the run yet."""


class RunnerFull(Exception):
    """The runner has no slot for the workspace, or takes no new work."""


class RunUnknown(Exception):
    """The runner holds neither this run nor, to start it, its workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFile:
    """One file of a skill from the operator's folder."""

    skill_id: str
    path: str
    executable: bool
    source: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceOrder:
    """The workspace a job needs."""

    workspace_id: str
    epoch: int
    repository_key: str
    base_commit: str
    files_commit: str
    working_branch: str
    skill_ids: tuple[str, ...]
    skill_files: tuple[SkillFile, ...]


class Pack(Protocol):
    """A pack on disk, ready to be streamed."""

    @property
    def size_bytes(self) -> int:
        """Its length."""

    @property
    def sha256(self) -> str:
        """Over the whole of it."""

    @property
    def object_count(self) -> int:
        """Zero where the receiver has everything."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes, at most 64 KiB at a time."""


PackFor = Callable[[Sequence[str]], AbstractAsyncContextManager[Pack]]
"""Makes the pack for a receiver that has these commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWorkspace:
    """What became of a workspace order."""

    reused: bool
    skills: tuple[tuple[str, str], ...]
    """Skill id with its source: `operator` or `repository`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """The run of one step."""

    run_id: str
    epoch: int
    workspace_id: str
    runtime: str
    model: str | None
    effort: str | None
    prompt: str
    step_timeout: timedelta
    silence: timedelta
    max_output_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run exists."""

    argv: tuple[str, ...]
    version: str
    runner_id: str
    incarnation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What the CLI wrote."""

    stream: Stream
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The stream lives."""


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The run has ended and no process of it is left."""

    outcome: RunOutcome
    exit_code: int | None
    signal: int | None
    failure: Failure | None
    duration: timedelta
    usage: Usage | None
    final_message: str
    receipt: Receipt | None
    reset_time: datetime | None


Message = Started | Output | Activity | Alive | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenTree:
    """A workspace's tree, its packs in files of the caller's folder."""

    tree: str
    pack: Path | None
    pack_size: int
    pack_sha256: str
    dropped: tuple[str, ...]
    nested: tuple[str, ...]
    left: tuple[dict[str, str], ...]
    left_pack: Path | None


class Runner(Protocol):
    """One runner. Every call may raise RunnerUnreachable, and LeaseLost for a stale epoch."""

    @property
    def runner_id(self) -> str:
        """Fixed for the life of its data directory."""

    @property
    def incarnation(self) -> str:
        """Of the process that answered last."""

    async def prepare(self, order: WorkspaceOrder, pack_for: PackFor) -> PreparedWorkspace:
        """Makes a workspace. Raises RunnerFull, JobFailed."""

    def follow(
        self,
        order: RunOrder,
        *,
        attach_only: bool,
        positions: dict[Stream, int],
        activity_index: int,
    ) -> AsyncIterator[Message]:
        """Starts the run or attaches to it, and gives its messages to the end.

        Raises RunUnknown, and JobFailed when it can never start as ordered.
        """

    async def keep(self, run_id: str, epoch: int, token: str) -> str:
        """Renews the run's lease from the moment of `token`; returns the next one.

        An empty token renews nothing. Raises RunUnknown.
        """

    async def cancel(self, run_id: str, epoch: int) -> Receipt:
        """Stops a run; returns when it has ended, with what would not go. Raises RunUnknown."""

    async def checkpoint(self, workspace_id: str, epoch: int, into: Path) -> TakenTree:
        """Takes the tree. Raises RunUnknown when the workspace is gone, JobFailed."""

    async def acknowledge(self, run_id: str, epoch: int) -> None:
        """Lets the runner forget a finished run."""

    async def close(self, workspace_id: str, epoch: int) -> None:
        """Removes a workspace and frees its slot."""


class Artifacts(Protocol):
    """Where the bytes of artifacts and of output go; durable when a call returns."""

    async def put_file(self, job_id: JobId, path: str, source: Path) -> Artifact:
        """Stores a file's bytes as the artifact `path`."""

    async def put_bytes(self, job_id: JobId, path: str, data: bytes) -> Artifact:
        """Stores bytes as the artifact `path`."""

    async def put_segment(self, job_id: JobId, data: bytes) -> str:
        """Stores a piece of output; gives its key."""

    async def read_segment(self, key: str) -> bytes:
        """A piece of output."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Removes pieces of output; those that are gone already are passed over."""


class Live(Protocol):
    """Those who watch jobs."""

    def wake(self, job_id: str) -> None:
        """Something about the job was stored."""

    def act(self, job_id: str, activity: Activity) -> None:
        """The job's agent did something."""


class Fleet(Protocol):
    """The runners there are."""

    def find(self, runner_id: str) -> Runner | None:
        """The runner with this id, reachable or not, once it has been seen."""

    def offers(self) -> Offers:
        """What they would take now."""

    def reserve(self, capabilities: Sequence[str]) -> Runner | None:
        """A reachable runner that fits and has a free slot, which now counts as taken."""

    def roomy(self) -> bool:
        """Whether any runner would take a workspace now."""

    def free(self, runner: Runner) -> None:
        """Gives back a reserved slot that no workspace has come to hold."""

    def held(self) -> Sequence[tuple[Runner, str]]:
        """Every workspace that a reachable runner held when it was last asked, by its id."""
