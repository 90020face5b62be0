"""How long and how often is looked for second pull requests, and the questions that takes.

A look-up of a driver can come too early: the forge shows things late, and an owner that was
stopped may ask for a pull request long after another has recorded one. So jobs are looked at
again when they have ended, at growing distances, for a day. What is found is noted on the job,
whose events do not change any more. See docs/decisions/duplicates.md.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from services.orchestrator.jobs.job import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a reconciler does, and how fast; tests scale it down."""

    round: timedelta = timedelta(minutes=10)
    """From one round to the next."""
    close: bool = False
    """Whether what repeats a pull request is closed, beside being told of."""
    back: timedelta = timedelta(hours=24)
    """Jobs are looked at for so long after their end."""
    jobs: int = 100
    """So many in a round; others come in the next, those first that waited longest."""
    between: timedelta = timedelta(seconds=2)
    """Two jobs. Forges count requests, and those of running jobs matter more."""
    patience: timedelta = timedelta(minutes=2)
    """For one job."""
    term: timedelta = timedelta(minutes=5)
    """How long a turn holds without a sign of its owner; longer than the patience for a job."""

    def scaled(self, scale: float) -> "Reconciliation":
        """The same with everything so much shorter that has no setting of its own."""
        return replace(
            self,
            between=self.between * scale,
            patience=self.patience * scale,
            term=self.term * scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The right to reconcile until it is lost or ended: of several processes one has it."""

    owner: str
    number: int
    """Fences what is written: a turn that was taken over writes nothing more."""


class TurnLost(Exception):
    """Another process reconciles now, or this one showed no sign for too long."""


class Reconciling(Protocol):
    """The questions of a reconciler. Times are by the database's clock."""

    async def take_turn(self, owner: str, *, term: timedelta) -> Turn | None:
        """The turn, for `term`; None while another has it, or a rest is kept."""

    async def end_turn(self, turn: Turn, *, rest: timedelta) -> None:
        """Lets anybody have the next one after a rest; nothing where it is lost."""

    async def unreconciled(
        self, *, back: timedelta, spacing: timedelta, limit: int
    ) -> Sequence[JobId]:
        """Ended jobs that may have a second pull request, those first that were tried longest ago.

        They ended within `back`, have a pull request recorded or asked for, and were not tried
        within `spacing`. What was looked at is looked at again when as long again has passed as
        had from its end to that look.
        """

    async def duplicated(self, *, back: timedelta, limit: int) -> Sequence[JobId]:
        """Jobs that ended within `back` and have duplicates noted, the last to end first."""

    async def try_job(self, turn: Turn, job_id: JobId, *, term: timedelta) -> bool:
        """Notes that a look begins, and holds the turn for another `term`. Raises TurnLost.

        False for a job that has been opened again.
        """

    async def found(
        self, turn: Turn, job_id: JobId, *, duplicates: Collection[int]
    ) -> Sequence[int]:
        """Notes duplicates on the job; gives those of them that are not reported yet.

        What was noted before stays. Raises TurnLost. None are given of a job that has been
        opened again: they are found when it has ended.
        """

    async def reported(self, turn: Turn, job_id: JobId, number: int) -> None:
        """Notes that the forge was told of a duplicate. Raises TurnLost."""

    async def looked(self, turn: Turn, job_id: JobId) -> None:
        """Notes that the look is over, and need not be made again soon. Raises TurnLost."""
