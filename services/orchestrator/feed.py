"""Wakes those who watch jobs and remembers what running agents did last.

Only wake-ups and activity pass through here: events and output are read from where
they are stored, so that a watcher that is slow, or in another process than the job's
owner, misses none of them.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import timedelta

from pawl.wire.errors import ResourceExhausted
from services.orchestrator.jobs.activity import Activity

WATCHES = 192
"""Watchers at a time; the calls beside them keep room of their own."""
REMEMBERED = 2_000
"""Activities of a running step that are kept; the oldest go first."""
REMEMBERED_CHARACTERS = 1024 * 1024
"""Of their texts together."""
JOBS = 256
"""Jobs nobody watches whose activity is kept; the one longest without any goes first."""


class Feed:
    """The watchers of one process; everything happens on its loop."""

    def __init__(self, *, watches: int = WATCHES) -> None:
        self._room = watches
        self._channels: OrderedDict[str, _Channel] = OrderedDict()

    def wake(self, job_id: str) -> None:
        """Something about the job was stored."""
        if channel := self._channels.get(job_id):
            channel.wake()

    def act(self, job_id: str, activity: Activity) -> None:
        """The job's agent did something."""
        channel = self._channel(job_id)
        channel.add(activity)
        channel.wake()

    def watch(self, job_id: str) -> "Watching":
        """Begins to watch; whoever asks closes it. Raises ResourceExhausted."""
        if self._room == 0:
            raise ResourceExhausted(
                "TOO_MANY_WATCHES",
                "as many jobs are being watched as this service allows; close some or ask later",
                retry_after=timedelta(seconds=5),
            )
        self._room -= 1
        channel = self._channel(job_id)
        channel.watchers += 1
        return Watching(self, channel)

    def leave(self, channel: "_Channel") -> None:
        """One watcher less."""
        self._room += 1
        channel.watchers -= 1

    def _channel(self, job_id: str) -> "_Channel":
        channel = self._channels.get(job_id)
        if channel is None:
            channel = self._channels[job_id] = _Channel()
            self._forget_some()
        self._channels.move_to_end(job_id)
        return channel

    def _forget_some(self) -> None:
        idle = [one for one, channel in self._channels.items() if not channel.watchers]
        for job_id in idle[: max(0, len(idle) - JOBS)]:
            del self._channels[job_id]


class Watching:
    """One watcher's place."""

    def __init__(self, feed: Feed, channel: "_Channel") -> None:
        self._feed = feed
        self._channel: _Channel | None = channel
        self._looked_at = -1
        self._taken = 0

    def look(self) -> None:
        """Call it before looking at the store: what comes later is told by `changed`."""
        if self._channel is not None:
            self._looked_at = self._channel.version

    async def changed(self, limit: timedelta) -> None:
        """Returns when something came after the last look, and after `limit` in any case."""
        channel = self._channel
        if channel is None or channel.version != self._looked_at:
            return
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await channel.woken.wait()
        except TimeoutError:
            pass

    def activities(self, step_index: int, attempt: int) -> Sequence[Activity]:
        """What an attempt's agent did since it was last asked, as far as it is remembered."""
        channel = self._channel
        if channel is None or channel.of != (step_index, attempt):
            return ()
        new = min(channel.count - self._taken, len(channel.kept))
        self._taken = channel.count
        return list(channel.kept)[len(channel.kept) - new :] if new else ()

    def close(self) -> None:
        """Gives the place back; any number of times."""
        if self._channel is not None:
            self._feed.leave(self._channel)
            self._channel = None


class _Channel:
    """One job's wake-ups and the activity of its running step."""

    def __init__(self) -> None:
        self.watchers = 0
        self.version = 0
        self.woken = asyncio.Event()
        self.of = (-1, -1)
        """The step and attempt the activities are of."""
        self.kept: deque[Activity] = deque()
        self.count = 0
        """Activities ever added, so that each watcher knows which it has had."""
        self._characters = 0
        self._next = 0
        """The index of the activity that comes next."""

    def wake(self) -> None:
        self.version += 1
        self.woken.set()
        # Those who wait have the old one; whoever looks from now on waits for the next.
        self.woken = asyncio.Event()

    def add(self, activity: Activity) -> None:
        of = (activity.step_index, activity.attempt)
        if of != self.of:
            self.of = of
            self.kept.clear()
            self._characters = 0
            self._next = 0
        if activity.index < self._next:
            return  # a new owner of the job is told from the start, and so are we again
        self._next = activity.index + 1
        self.kept.append(activity)
        self.count += 1
        self._characters += len(activity.text)
        while len(self.kept) > REMEMBERED or self._characters > REMEMBERED_CHARACTERS:
            self._characters -= len(self.kept.popleft().text)
