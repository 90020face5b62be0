"""What may be removed, and the questions a collector asks of the store to be sure of it.

A job is *settled* once nobody can open it again: it SUCCEEDED or was CANCELLED, or it failed and
its checkpoints are no longer kept. From then on nothing refers to anything of its by more than
what is stored, because no claim can write for it any more.

Whatever is removed is first given up here, under the job's own row, and removed afterwards. A
process that dies in between leaves something that nothing refers to, which the next round finds;
never the other way round.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.orchestrator.jobs.job import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long things are kept; None is for ever."""

    checkpoints: timedelta | None = timedelta(days=30)
    """From the end of a job; so long a failed one can be opened again."""
    artifacts: timedelta | None = None
    """From the end of a job; never before a failed one's checkpoints have gone."""
    artifact_bytes: int = 0
    """For all artifacts together, as far as jobs are settled; 0 is no limit."""
    mirrors: timedelta | None = timedelta(days=30)
    """From the last use of a repository's mirror."""
    grace: timedelta = timedelta(hours=1)
    """What nothing refers to may still be on its way; after this long it is not."""
    round: timedelta = timedelta(hours=1)
    """From one collection to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A job whose artifacts are listed no more, and where their bytes still are."""

    job_id: JobId
    keys: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What a mirror has to hold for a job that goes on, or could."""

    job_id: JobId
    commits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the store holds; times are None where there is nothing."""

    size_bytes: int
    jobs: int
    oldest_job: datetime | None
    """When it was submitted."""
    oldest_checkpoints: datetime | None
    """When the first of the ended jobs that have some ended."""
    oldest_artifacts: datetime | None
    """The same, of artifacts."""


class Retaining(Protocol):
    """The questions of a collector. Times are by the database's clock."""

    async def give_up_checkpoints(self, *, older_than: timedelta, limit: int) -> Sequence[JobId]:
        """Notes, of jobs that ended so long ago, that their checkpoints are kept no more.

        A job whose result was to be published and is not is passed over. Each job is changed
        only while it has still ended: of this and a retry, one comes first.
        """

    async def given_up_checkpoints(self, job_ids: Collection[str]) -> Collection[str]:
        """Those of the jobs whose checkpoints are kept no more."""

    async def give_up_artifacts(self, *, older_than: timedelta, limit: int) -> Sequence[GivenUp]:
        """Lists artifacts of settled jobs that ended so long ago no more."""

    async def give_up_artifacts_beyond(
        self, *, size_bytes: int, older_than: timedelta, limit: int
    ) -> Sequence[GivenUp]:
        """The same for the jobs that ended first, as far as all that is listed is larger.

        Of two that ask at once both mean the same jobs, so no more goes than has to.
        """

    async def settled(self, job_ids: Collection[str]) -> Collection[str]:
        """Those of the jobs that are settled."""

    async def referred_to(self, job_ids: Collection[str], keys: Collection[str]) -> Collection[str]:
        """Those of the keys that an artifact or a segment of these jobs has."""

    async def needed_repositories(self, *, after: str, limit: int) -> Sequence[str]:
        """The repositories of jobs that are not settled, behind one, by name."""

    async def needed_commits(self, repository: str, *, after: str, limit: int) -> Sequence[Needed]:
        """What jobs of a repository that are not settled stand on, behind one, by id."""

    async def kept(self) -> Kept:
        """What there is. Raises StoreAway."""
