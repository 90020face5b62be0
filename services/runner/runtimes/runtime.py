"""What the supervisor asks of a runtime: an invocation, a reader of its events, a verdict."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.runner.values import Activity, Exit, Failure, RunSpec, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one run happens; all absolute, all private to the run but `repo`."""

    repo: Path
    """The workspace's checkout, and the CLI's working directory."""
    home: Path
    """``HOME`` of the CLI and of what it starts."""
    tmp: Path
    """``TMPDIR`` of both."""
    state: Path
    """The CLI's own state: ``CODEX_HOME``, ``CLAUDE_CONFIG_DIR``, ``GEMINI_CLI_HOME``."""
    run: Path
    """Files Pawl writes for the CLI, such as its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """What the operator says about one runtime."""

    binary: Path
    """An absolute path, or a name to be found on the ``PATH`` of `environment`."""
    operator_home: Path | None = None
    """Where the operator's own login and configuration of this CLI are."""
    model: str | None = None
    """Used where the task names none; None leaves the choice to the runtime's file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What passes through, already chosen (`environment.passing`); never all of the service's."""
    as_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    """Whether the CLI will run as uid 0: one of the three then needs to be told that it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to start the CLI, in `Place.repo`. The prompt goes to stdin, which is then closed."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """Whole: nothing is inherited."""
    prompt: bytes = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    """To be masked in everything the run puts out, longest first."""
    shown: tuple[str, ...]
    """`argv` for people's eyes: values that could hold a secret are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a finished run amounts to, by its events, its exit and its last words on stderr."""

    succeeded: bool
    failure: Failure | None
    """Set exactly where `succeeded` is false."""
    final_message: str
    """At most 16 KiB; controls made visible; empty where the CLI gave none."""
    usage: Usage | None
    reset_time: datetime | None
    """For AGENT_RATE_LIMITED: when the provider takes requests again, where it said so."""


class Reader(Protocol):
    """Reads one run's stdout, line by line and in order."""

    def line(self, line: bytes) -> Sequence[Activity]:
        """What one line of stdout (without its newline) tells; never raises, whatever it holds."""

    @property
    def resulted(self) -> bool:
        """Whether the CLI has said its result, so that it should exit by itself soon."""

    @property
    def usage(self) -> Usage | None:
        """What the run is known to have used so far; the newest figure wins."""

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        """What the run amounts to; asked once, after the last line.

        `dismissed` says that the CLI had told its result, did not leave within its grace and was
        ended for that alone: its exit then counts for nothing, its result decides.
        """


class Runtime(Protocol):
    """One coding-agent CLI: how to start it, how to understand it."""

    @property
    def name(self) -> str:
        """`codex`, `gemini` or `claude`."""

    @property
    def settings(self) -> RuntimeSettings:
        """What the operator said about it."""

    def program(self) -> Path:
        """The file to execute. Raises FileNotFoundError, naming what to do, where there is none."""

    def prepare(self, spec: RunSpec, place: Place) -> None:
        """Write the files the CLI needs (0600) into the directories of `place`, which exist.

        Copies the operator's credential and configuration files; nothing is taken back from
        there by this module. Raises OSError where a file cannot be read or written.
        """

    def invocation(self, spec: RunSpec, place: Place) -> Invocation:
        """How to start `spec` in a prepared `place`. Raises OSError as `prepare` does."""

    def reader(self, place: Place) -> Reader:
        """A reader for one run in `place`."""
