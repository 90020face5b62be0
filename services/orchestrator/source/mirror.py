"""The bare copy of a repository that the orchestrator keeps."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How far a fetch may go."""

    max_repository_bytes: int = 10 * 1024**3
    timeout: timedelta = timedelta(minutes=30)
    pauses: Sequence[timedelta] = (timedelta(seconds=1), timedelta(seconds=4))
    """Waits between tries of an origin that cannot be reached; one try more than waits."""


class Mirror:
    """One repository's mirror.

    Origin's branches lie under ``refs/origin/heads/``, which a fetch prunes; Pawl's own refs lie
    under ``refs/pawl/``, which it never touches.
    """

    def __init__(
        self,
        git_dir: Path,
        location: Location,
        *,
        git: Git,
        credentials: Credentials,
        limits: FetchLimits,
    ) -> None:
        self.git_dir = git_dir
        self.location = location
        self.git = git
        self.credentials = credentials

    async def fetch(self) -> None:
        """Brings origin's branches and its default branch up to date.

        Callers that wait at the same time share one fetch, always one that began after they
        asked. Raises `JobFailed` with REPO_UNREACHABLE (after its tries), REPO_AUTH,
        REPO_NOT_FOUND, REPO_TOO_LARGE, STORAGE_FULL; BRANCH_NOT_FOUND for an empty repository.
        """
        raise NotImplementedError

    async def default_branch(self) -> str:
        """Origin's default branch at the time of the last fetch.

        Raises `JobFailed` with BRANCH_NOT_FOUND where origin has none.
        """
        raise NotImplementedError

    async def branch_commit(self, name: str) -> str:
        """The commit branch `name` was at at the last fetch, as full hex.

        Raises `JobFailed` with BRANCH_NOT_FOUND, naming branches of similar names.
        """
        raise NotImplementedError

    async def tree_of(self, revision: str) -> str:
        """The tree id of a commit or tree id."""
        raise NotImplementedError

    async def keep(self, ref: str, commit: str) -> None:
        """Points `ref`, below ``refs/pawl/``, to `commit`, durably."""
        raise NotImplementedError

    async def kept(self, ref: str) -> str | None:
        """The commit `ref` points to, None where there is no such ref."""
        raise NotImplementedError

    def scratch(self) -> AbstractContextManager[Path]:
        """A private folder on the mirror's disk, gone at the end of the block."""
        raise NotImplementedError


class Mirrors:
    """All mirrors of this orchestrator: ``<root>/<repository key>.git``."""

    def __init__(
        self,
        root: Path,
        *,
        git: Git,
        credentials: Credentials,
        allow_local: bool,
        limits: FetchLimits | None = None,
    ) -> None:
        raise NotImplementedError

    async def open(self, repository: str) -> Mirror:
        """The mirror of a task's `repository`, made (not fetched) where there is none.

        The same object for the same repository. Raises `JobFailed` with REPO_URL_DENIED.
        """
        raise NotImplementedError

    def sweep(self) -> int:
        """Removes what crashed processes left half-done; for the start. Returns how much."""
        raise NotImplementedError
