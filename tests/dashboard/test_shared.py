"""One job's frames, and viewers at different places in them."""

import asyncio

from services.dashboard import shared
from services.dashboard.shared import Place, Shared


def test_frames_come_in_the_order_in_which_they_were_kept() -> None:
    """Activity of a step must not overtake the event that tells of its start."""
    kept = Shared()
    kept.event(1, b"started ")
    kept.live(b"acted ")
    kept.piece("state", b"state ")
    kept.event(2, b"finished ")

    assert kept.since(Place(0)) == b"started acted state finished "


def test_a_viewer_that_comes_back_gets_no_event_twice() -> None:
    kept = Shared()
    for number in (1, 2, 3):
        kept.event(number, b"%d " % number)

    assert kept.since(Place(2)) == b"3 "


def test_a_viewer_that_is_up_to_date_gets_what_is_new_alone() -> None:
    kept, place = Shared(), Place(0)
    kept.event(1, b"1 ")
    kept.since(place)
    kept.piece("state", b"new ")

    assert kept.since(place) == b"new "
    assert kept.since(place) == b""


def test_a_piece_is_sent_as_it_is_last() -> None:
    kept = Shared()
    kept.piece("state", b"old ")
    kept.piece("state", b"new ")

    assert kept.since(Place(0)) == b"new "


def test_a_piece_that_did_not_change_is_no_news() -> None:
    kept, place = Shared(), Place(0)
    kept.piece("state", b"same ")
    kept.since(place)
    kept.piece("state", b"same ")

    assert kept.since(place) == b""


def test_a_slow_viewer_loses_old_live_frames_but_no_event() -> None:
    """Memory does not grow with what an agent writes."""
    kept = Shared()
    kept.event(1, b"1 ")
    for _ in range(40):
        kept.live(b"x" * (shared.LIVE_BYTES // 20))
    kept.event(2, b"2 ")
    place, got = Place(0), b""
    while batch := kept.since(place):
        got += batch

    assert got.startswith(b"1 ")
    assert got.endswith(b"2 ")
    assert len(got) <= shared.LIVE_BYTES + 4


def test_a_batch_is_bounded_and_the_next_goes_on_behind_it() -> None:
    kept, place = Shared(), Place(0)
    for number in range(1, 9):
        kept.event(number, b"%d" % number * (shared.BATCH_BYTES // 4))
    batches = [kept.since(place) for _ in range(3)]

    assert [len(batch) // (shared.BATCH_BYTES // 4) for batch in batches] == [4, 4, 0]
    assert batches[1].startswith(b"5")


async def test_a_waiting_viewer_wakes_for_news() -> None:
    kept = Shared()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(kept.changed(5))
        await asyncio.sleep(0)
        kept.live(b"new")

    assert waiting.result()


async def test_a_viewer_without_news_wakes_all_the_same() -> None:
    assert not await Shared().changed(0.01)
