"""Adds jobs with second pull requests to what there is to look at."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from pawl.storage import Concern, Storage
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.reconciling import Reconciling

BACK = timedelta(days=7)
"""What ended before is old news."""
SHOWN = 3


class Keeping(Protocol):
    """Who knows what is kept here."""

    async def report(self) -> Storage:
        """What there is, whether or not the store answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Adds them to what `keeping` reports."""

    keeping: Keeping
    store: Reconciling

    async def report(self) -> Storage:
        """What is kept, with all that a person should look at, the worst first."""
        kept = await self.keeping.report()
        try:
            found = await self.store.duplicated(back=BACK, limit=SHOWN + 1)
        except StoreAway:
            return kept  # which says so
        if not found:
            return kept
        names = ", ".join(found[:SHOWN]) + (", and others" if len(found) > SHOWN else "")
        concern = Concern(
            reason="DUPLICATE_PULL_REQUESTS",
            message=f"of the jobs that ended in the last {BACK.days} days, these have more than "
            f"one pull request: {names}",
            remedy="`pawl show` names those that repeat the job's, `repeated by`: close what "
            "nobody needs.",
            grave=False,
        )
        return replace(kept, concerns=(*kept.concerns, concern))
