"""How watchers are woken and what they are told of agents."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from pawl.wire.errors import ResourceExhausted
from services.orchestrator import feed as feeds
from services.orchestrator.feed import Feed, Watching
from services.orchestrator.jobs.activity import Activity, ActivityKind

LONG = timedelta(seconds=30)
NUMBERS = itertools.count()


def activity(
    text: str, *, step_index: int = 0, attempt: int = 1, index: int | None = None
) -> Activity:
    """Something an agent did, after everything before it."""
    return Activity(
        step_index=step_index,
        attempt=attempt,
        index=next(NUMBERS) if index is None else index,
        create_time=datetime.now(UTC),
        kind=ActivityKind.MESSAGE,
        text=text,
        path="",
    )


def texts(watching: Watching, step_index: int = 0, attempt: int = 1) -> list[str]:
    """What a watcher is told."""
    return [one.text for one in watching.activities(step_index, attempt)]


async def test_what_came_after_the_look_is_not_slept_over() -> None:
    feed = Feed()
    watching = feed.watch("job")
    watching.look()

    feed.wake("job")

    async with asyncio.timeout(5):
        await watching.changed(LONG)


async def test_a_sleeping_watcher_is_woken() -> None:
    feed = Feed()
    watching = feed.watch("job")
    watching.look()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(watching.changed(LONG))
        await asyncio.sleep(0)
        feed.wake("job")


async def test_nobody_sleeps_longer_than_the_limit() -> None:
    watching = Feed().watch("job")
    watching.look()

    async with asyncio.timeout(5):
        await watching.changed(timedelta(milliseconds=1))


async def test_other_jobs_wake_nobody() -> None:
    feed = Feed()
    watching = feed.watch("job")
    watching.look()
    feed.wake("other")
    feed.act("other", activity("x"))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await watching.changed(LONG)


def test_each_watcher_is_told_once() -> None:
    feed = Feed()
    first = feed.watch("job")
    feed.act("job", activity("a"))
    assert texts(first) == ["a"]

    feed.act("job", activity("b"))
    second = feed.watch("job")

    assert texts(first) == ["b"]
    assert texts(second) == ["a", "b"]
    assert texts(first) == texts(second) == []


def test_another_step_begins_anew() -> None:
    feed = Feed()
    watching = feed.watch("job")
    feed.act("job", activity("old"))

    feed.act("job", activity("new", step_index=1))

    assert texts(watching) == []
    assert texts(watching, step_index=1) == ["new"]


def test_a_slow_watcher_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "REMEMBERED", 3)
    feed = Feed()
    watching = feed.watch("job")

    for number in range(10):
        feed.act("job", activity(str(number)))

    assert texts(watching) == ["7", "8", "9"]


def test_long_texts_take_bounded_room() -> None:
    feed = Feed()
    watching = feed.watch("job")

    for _ in range(500):
        feed.act("job", activity("x" * 8192))

    assert sum(map(len, texts(watching))) <= feeds.REMEMBERED_CHARACTERS


def test_only_so_many_idle_jobs_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "JOBS", 2)
    feed = Feed()
    watched = feed.watch("watched")
    for number in range(10):
        feed.act(f"job-{number}", activity("x"))
    feed.act("watched", activity("kept"))

    assert texts(watched) == ["kept"]
    assert texts(feed.watch("job-0")) == []
    assert texts(feed.watch("job-9")) == ["x"]


def test_room_for_watchers_is_given_back_once() -> None:
    feed = Feed(watches=1)
    watching = feed.watch("job")
    with pytest.raises(ResourceExhausted):
        feed.watch("job")

    watching.close()
    watching.close()

    feed.watch("job")
    with pytest.raises(ResourceExhausted):
        feed.watch("job")


async def test_what_a_new_owner_is_told_again_is_not_passed_on_again() -> None:
    feed = Feed()
    watching = feed.watch("job")
    for number in (0, 1, 0, 1, 2):
        feed.act("job", activity(str(number), index=number))

    assert texts(watching) == ["0", "1", "2"]
