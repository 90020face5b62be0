"""One run: begun or found, followed to its end, written down."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import structlog

from pawl.wire.faultpoints import Point, begin, reach
from services.runner import ending, starting
from services.runner.abandon import abandon
from services.runner.following import Follower
from services.runner.frames import Started
from services.runner.holding import Keeper, KeeperFailed, Keepers, Patience
from services.runner.journal import Journal
from services.runner.keeper import record
from services.runner.keeper.record import Ended
from services.runner.keeper.record import Started as Kept
from services.runner.liveness import Silence
from services.runner.moments import Moment
from services.runner.run_record import RunRecord
from services.runner.runtimes.runtime import Place, Reader, Runtime
from services.runner.values import Finished, ProcessSeen, Receipt

logger = structlog.get_logger(__name__)

JOURNAL = "journal"

SHORTEST_PAUSE = 0.004
LONGEST_PAUSE = 0.04
"""Seconds between two looks at the captures: the longest a line waits unseen."""

ROUSE = 1.0
"""Seconds that a keeper may have been stopped before it is continued."""

STORAGE_PATIENCE = 60
"""Times, a second apart, that the end of a run is tried to be written to a full disk."""


class Run:
    """One run, owned by the supervisor; `live` is its one task."""

    def __init__(
        self,
        directory: Path,
        known: RunRecord,
        *,
        runtime: Runtime,
        version: str,
        locate: Callable[[], Place],
        keepers: Keepers,
        patience: Patience,
        now: Callable[[], datetime],
        kept: Moment,
    ) -> None:
        self.directory = directory
        self.record = known
        self.begun = asyncio.Event()
        """The journal can be read, or `broken` says why not."""
        self.done = asyncio.Event()
        """Nothing of it runs any more, and its end is written down or `broken` says why not."""
        self.broken: str | None = None
        self._journal: Journal | None = None
        self._keeper: Keeper | None = None
        self._kept: Kept | None = None
        self._stop: str | None = None
        self.swept: Receipt | None = None
        """What was found of it, and ended, before this process served anybody."""
        self._seen = ""
        """What a run that was ended for its silence was at."""
        self._moment = kept
        self._task: asyncio.Task[None] | None = None
        self._runtime = runtime
        self._version = version
        self.locate = locate
        self._keepers = keepers
        self._patience = patience
        self._now = now

    @property
    def journal(self) -> Journal:
        """What it has said; once `begun`, unless `broken`."""
        if self._journal is None:
            raise RuntimeError("the run has not begun")
        return self._journal

    @property
    def finished(self) -> Finished | None:
        """How it ended, if it has."""
        journal = self._journal
        return journal.ended.finished if journal is not None and journal.ended else None

    @property
    def end_time(self) -> datetime | None:
        """When its end was written down, if it was."""
        journal = self._journal
        return journal.ended.time if journal is not None and journal.ended else None

    @property
    def survivors(self) -> Sequence[ProcessSeen]:
        """Processes of it that could not be ended, and that live still."""
        finished = self.finished
        if finished is None or finished.receipt is None:
            return ()
        return [each for each in finished.receipt.survivors if self._keepers.lives(each)]

    def stop(self, reason: str) -> None:
        """Has it end; the first reason counts. Returns at once."""
        if self._stop is None:
            self._stop = reason
            if self._keeper is not None:
                self._keeper.tell("stop", reason)
                self._keeper.wake()

    def force(self) -> None:
        """Kills its keeper, which has not ended it in time; what is left is then swept."""
        if self._keeper is not None:
            logger.warning("keeper_killed", run_id=self.record.name.run_id)
            self._keeper.kill()

    async def sweep(self) -> None:
        """Tries once more to end what has survived it."""
        await self._keepers.end_remains(self.directory, self._kept)

    def keep(self, moment: Moment) -> None:
        """Has its lease run from `moment`, unless it runs longer already."""
        self._moment = max(self._moment, moment)
        if self._keeper is not None:
            self._keeper.tell("kept", f"{moment:.3f}")

    @property
    def unreadable(self) -> bool:
        """It broke before it had anything to tell."""
        return self._journal is None or self._journal.started is None

    def wake(self) -> None:
        """Has those who follow it look around."""
        if self._journal is not None:
            self._journal.wake()

    def let_go(self) -> None:
        """Frees what it keeps open, once nobody is to read it any more."""
        if self._journal is not None:
            self._journal.let_go()

    def leave(self) -> None:
        """Stops following it; it goes on under its keeper, for the next process to find."""
        if self._task is not None:
            self._task.cancel()

    async def live(self, prompt: str | None) -> None:
        """Begins the run with `prompt`, or goes on with one that was begun, to its end."""
        self._task = asyncio.current_task()
        with structlog.contextvars.bound_contextvars(run_id=self.record.name.run_id):
            try:  # the run boundary: a defect here ends this run and no other
                try:
                    await self._live(prompt)
                except Exception:
                    logger.exception("run_broke")
                    await self._go_on()
            except Exception:
                # Its keeper ends it when nobody has followed it for the orphan limit.
                logger.exception("run_end_unwritten")
                self.broken = "the runner could not go on with the run; its log says why"
            finally:
                self.begun.set()
                self.wake()
            self.done.set()
            self.wake()

    async def _live(self, prompt: str | None) -> None:
        if prompt is not None:
            await asyncio.to_thread(self._write_record)
        if self._journal is None:
            self._journal = await Journal.open(self.directory / JOURNAL)
        journal = self._journal
        if journal.closed:
            return
        place = self.locate()
        reader = self._runtime.reader(place)
        try:
            invocation = await asyncio.to_thread(
                starting.prepare, self._runtime, self.record, place, prompt
            )
        except OSError as problem:
            await self._conclude(await self._unprepared(problem))
            return
        if journal.started is None:
            journal.start(Started(argv=invocation.shown, version=self._version, time=self._now()))
            await journal.commit()
        follower = Follower(
            self.directory,
            journal,
            reader,
            secrets=invocation.secrets,
            most_bytes=self.record.limits.max_output_bytes,
            now=self._now,
        )
        await follower.begin()
        if prompt is not None:
            order = starting.order(
                self.directory,
                invocation,
                place,
                limits=self.record.limits,
                patience=self._patience,
                kept=self._moment,
            )
            self._keeper = self._keepers.launch(self.directory, order)
        elif self._keeper is None:
            self._keeper = self._keepers.find(self.directory)
        self.begun.set()
        if self._keeper is not None:
            await self._follow(self._keeper, follower)
        await self._drain(follower)
        reach(Point.T4)
        await self._conclude(await self._end(reader, follower))

    def _write_record(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.record.write(self.directory)

    async def _unprepared(self, problem: OSError) -> Finished:
        logger.warning("run_not_prepared", problem=str(problem))
        self._keeper = self._keepers.find(self.directory)
        if self._keeper is not None or record.read(self.directory / record.STARTED):
            # What it says could hold a secret that can no longer be told apart.
            await self._abandon(ending.BROKEN)
            return ending.lost(f"The run's secrets can no longer be known: {problem}.")
        return ending.unstartable(
            "AGENT_UNAVAILABLE",
            f"The runner could not prepare the CLI: {problem}.",
            "Correct the setting or the file that it names; then submit the task again.",
        )

    async def _follow(self, keeper: Keeper, follower: Follower) -> None:
        """Returns once the keeper has gone."""
        try:
            self._kept = await keeper.started()
        except KeeperFailed as problem:
            logger.warning("keeper_failed", problem=str(problem))
            return
        if self._stop is not None:
            keeper.tell("stop", self._stop)
        clock = asyncio.get_running_loop().time
        silence = Silence(
            self.record.limits.silence, clock(), lambda: self._keepers.vitals(keeper.pid)
        )
        pause, told, roused = SHORTEST_PAUSE, False, clock()
        async with keeper.watching():
            while not keeper.gone.is_set():
                if await follower.pump():
                    silence.heard(clock())
                    pause = SHORTEST_PAUSE
                else:
                    pause = min(pause * 1.5, LONGEST_PAUSE)
                    await _either(keeper.gone, pause)
                if clock() - roused >= ROUSE:
                    # An agent that stops its keeper would escape its limits.
                    keeper.wake()
                    roused = clock()
                if follower.resulted and not told:
                    told = keeper.tell("finish")
                if follower.trouble is not None:
                    self.stop(follower.trouble)
                elif self._stop is None and silence.too_long(clock()):
                    self._seen = silence.seen
                    self.stop(ending.SILENT)

    async def _drain(self, follower: Follower) -> None:
        """Takes what the captures hold now that nothing writes to them any more."""
        while await follower.pump():
            continue

    async def _end(self, reader: Reader, follower: Follower) -> Finished:
        """Returns how the run ended, by what its keeper left."""
        await follower.end()
        kept = record.read(self.directory / record.ENDED)
        if kept is None:
            receipt = await self._keepers.end_remains(self.directory, self._kept)
            if not receipt.before and self.swept is not None:
                receipt = self.swept
            message = "The process that held the run was killed, and nobody saw the run's end."
            return ending.lost(message, receipt)
        return ending.ended(
            cast("Ended", kept),
            noticed=follower.trouble,
            limits=self.record.limits,
            seen=self._seen,
            verdict=lambda end, dismissed: reader.verdict(
                end, follower.stderr_tail, dismissed=dismissed
            ),
            usage=reader.usage,
        )

    async def _conclude(self, finished: Finished) -> None:
        """Writes down the end. Raises OSError where the disk takes nothing for a minute."""
        journal = self.journal
        if journal.started is None:
            journal.start(Started(argv=(), version=self._version, time=self._now()))
        journal.finish(finished, self._now())
        for _ in range(STORAGE_PATIENCE):
            try:
                await journal.commit()
            except OSError as problem:
                logger.warning("end_unwritable", problem=str(problem))
                await asyncio.sleep(1)
            else:
                begin(Point.T5)
                logger.info("run_ended", outcome=finished.outcome.value)
                return
        await journal.commit()

    async def _go_on(self) -> None:
        """Goes on after a defect as the next process would, by what is on disk.

        The agent may have done all its work. A defect that is met again ends the run.
        """
        try:
            if self._journal is not None:
                self._journal.discard()
            await self._live(None)
        except Exception:
            logger.exception("run_broke_again")
            await self._break()

    async def _break(self) -> None:
        """Ends what runs, and writes down as much as can be written."""
        await self._abandon(ending.BROKEN)
        if not self.journal.closed:
            self.journal.discard()
            await self._conclude(ending.broken())

    async def _abandon(self, reason: str) -> None:
        """Ends the processes of a run that is not followed any more."""
        if self._keeper is not None:
            await abandon(self._keepers, self._keeper, self.directory, self._patience, reason)


async def _either(event: asyncio.Event, patience: float) -> None:
    """Waits for `event`, at most `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            await event.wait()
    except TimeoutError:
        return
