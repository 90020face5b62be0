"""One caller's view of a run: what follows its position, until it loses the job."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pawl.wire.errors import Unavailable
from services.runner.epochs import Epochs
from services.runner.frames import Record, Started
from services.runner.journal import JournalReader
from services.runner.position import Position
from services.runner.run import Run


class Leaving(Protocol):
    """Who knows whether this process is about to end."""

    @property
    def leaving(self) -> bool:
        """It is."""


class Attachment:
    """Holds nothing that needs closing; a run goes on whether anybody is attached or not."""

    def __init__(
        self, run: Run, reader: JournalReader, *, epoch: int, epochs: Epochs, owner: Leaving
    ) -> None:
        self._run = run
        self._reader = reader
        self._epoch = epoch
        self._epochs = epochs
        self._owner = owner

    @property
    def started(self) -> Started:
        """How the run was started."""
        started = self._run.journal.started
        if started is None:
            raise RuntimeError("a run that has begun has no first record")
        return started

    @property
    def over(self) -> bool:
        """The run's last record has been read."""
        return self._reader.over

    @property
    def end(self) -> Position:
        """All that has been said."""
        return self._run.journal.position

    async def read(self, patience: timedelta) -> Sequence[Record]:
        """Returns what follows; nothing after `patience`.

        Raises Aborted, STALE_EPOCH, once a newer epoch has taken the job over, and Unavailable
        when this process leaves or has lost track of the run.
        """
        # Once before the wait too: whoever woke the readers may have done so just before it.
        self._check()
        records = await self._reader.read(patience)
        if not records:
            self._check()
        return records

    def _check(self) -> None:
        self._epochs.check(self._run.record.name.job_id, self._epoch)
        if self._run.journal.closed:
            return
        if self._run.broken is not None:
            raise Unavailable("RUN_BROKEN", self._run.broken)
        if self._owner.leaving:
            raise Unavailable(
                "LEAVING", "this runner process ends; the run goes on: attach again in a moment"
            )
