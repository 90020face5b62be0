"""The store as a claimer sees it: how jobs find an owner."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from services.orchestrator.jobs.claim import Candidate, Claim
from services.orchestrator.jobs.job import CancelRequest, JobId, JobState


class Claiming(Protocol):
    """From the look for a job to the end of its lease."""

    async def candidates(
        self,
        *,
        limit: int,
        after: str = "",
        state: JobState | None = None,
        per_repository: int = 0,
        without: Collection[tuple[str, ...]] = (),
        publishing: bool = False,
    ) -> Sequence[Candidate]:
        """Claimable jobs, of one state or of either, by priority, then order of submission.

        QUEUED with `not_before` past, or RUNNING with an expired lease, by the
        database's clock. `after` is the last job of the page before. QUEUED jobs of a
        repository of which `per_repository` jobs are RUNNING are left out; 0 allows any
        number. Jobs that require exactly one of `without` are left out, too; with
        `publishing`, those that have anything left but to publish.
        """

    async def claim(
        self,
        job_id: JobId,
        *,
        owner: str,
        term: timedelta,
        per_repository: int = 0,
        nonce: str = "",
    ) -> Claim | None:
        """Claims it, with `job.claimed`; None when it is no longer claimable.

        A job that is QUEUED is not, while `per_repository` others of its repository are
        RUNNING: two that claim at once cannot pass that number together.

        A job claimed more than five times without progress becomes DEAD_LETTER
        with POISONED instead, and the answer is None. After StoreAway the claim may
        have been made all the same: `claimed` knows it by its nonce.
        """

    async def claimed(self, job_id: JobId, *, owner: str, nonce: str) -> Claim | None:
        """The claim that was made with a nonce nothing else has, while it is in force."""

    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        """Extends the lease; blocks, and is called from the lease's own thread.

        Gives the cancel request, if there is one. Raises LeaseLost, StoreAway.
        """

    async def give_up(self, owner: str) -> None:
        """Ends every lease of `owner`, so that others may claim at once."""
