"""Removes bytes that no artifact and no segment has any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.orchestrator.artifacts import Artifacts, Stored
from services.orchestrator.jobs.retention import GivenUp, Retaining
from services.orchestrator.retention.tally import Tally

JOBS_AT_ONCE = 20
UNFINISHED = timedelta(days=1)
"""A file that was not written to for so long is no longer on its way."""


async def remove_old_artifacts(
    store: Retaining, artifacts: Artifacts, tally: Tally, *, older_than: timedelta
) -> None:
    """Removes the artifacts of settled jobs that ended so long ago.

    They are listed no more before their bytes go: whoever is told that there is one finds it
    whole or, by asking again, finds that it is gone. Bytes whose removal a crash prevents are
    referred to by nothing, and `remove_unreferred` takes them in a later round.
    """
    while given_up := await store.give_up_artifacts(older_than=older_than, limit=JOBS_AT_ONCE):
        await _remove(given_up, artifacts, tally)


async def remove_beyond(
    store: Retaining, artifacts: Artifacts, tally: Tally, *, size_bytes: int, grace: timedelta
) -> None:
    """The same for the settled jobs that ended first, until all together are no larger."""
    while given_up := await store.give_up_artifacts_beyond(
        size_bytes=size_bytes, older_than=grace, limit=JOBS_AT_ONCE
    ):
        await _remove(given_up, artifacts, tally)


async def _remove(given_up: Sequence[GivenUp], artifacts: Artifacts, tally: Tally) -> None:
    for one in given_up:
        await artifacts.delete(one.keys)
        await artifacts.forget(one.job_id)
        tally.add("artifacts", len(one.keys), one.size_bytes)


async def remove_unreferred(
    store: Retaining, artifacts: Artifacts, tally: Tally, *, grace: timedelta, now: datetime
) -> tuple[int, int]:
    """Removes what killed drivers put and did not come to list; gives count and bytes of the rest.

    Only what is older than `grace` is looked at, and only where the job is settled: no claim
    can write for it any more, so what nothing refers to now nothing ever will. Of an open job
    it stays until that, since equal bytes have one key and may be listed yet. What is of no job
    that this store knows is another's, or of a time that a backup does not know.
    """
    count = size_bytes = 0
    async for page in artifacts.listing():
        old = [one for one in page if now - one.modified > grace]
        gone = await _unreferred(store, old)
        await artifacts.delete([one.key for one in gone])
        tally.add("orphans", len(gone), sum(one.size for one in gone))
        count += len(page) - len(gone)
        size_bytes += sum(one.size for one in page) - sum(one.size for one in gone)
    tally.add("orphans", await artifacts.drop_unfinished(now - UNFINISHED))
    return count, size_bytes


async def _unreferred(store: Retaining, found: Sequence[Stored]) -> Sequence[Stored]:
    settled = await store.settled({one.job_id for one in found})
    theirs = [one for one in found if one.job_id in settled]
    if not theirs:
        return []
    # In this order: what is settled stays so, and gets no new references.
    referred = await store.referred_to(settled, [one.key for one in theirs])
    return [one for one in theirs if one.key not in referred]
