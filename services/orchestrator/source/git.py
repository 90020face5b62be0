"""Git as a child process with an environment from zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a git process left behind."""

    code: int
    stdout: bytes
    stderr: str
    """Bounded, control characters made visible, credentials masked."""


class GitFailed(Exception):
    """Git ended with an exit code nobody expected; the text is fit for a log."""

    def __init__(self, command: str, completed: Completed) -> None:
        super().__init__(f"git {command} ended with {completed.code}: {completed.stderr}")
        self.completed = completed


class GitTimedOut(Exception):
    """Git was ended because it took longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """How git is started: by argv, with nothing of this process's environment."""

    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    network: Mapping[str, str] = field(default_factory=dict)
    """What the operator sets for the network: HTTPS_PROXY, NO_PROXY, GIT_SSL_CAINFO."""

    async def run(
        self,
        *arguments: str,
        git_dir: Path,
        environment: Mapping[str, str] | None = None,
        configuration: Mapping[str, str] | None = None,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        accept: Sequence[int] = (0,),
        timeout: timedelta = timedelta(seconds=120),
        limit_bytes: int = 64 * 1024 * 1024,
        prefix: Sequence[str] = (),
        secrets: Sequence[str] = (),
    ) -> Completed:
        """Runs one git command to its end.

        Raises `GitFailed` on an exit code outside `accept`, `GitTimedOut`, and `JobFailed` with
        STORAGE_FULL when the disk is full.
        """
        raise NotImplementedError
