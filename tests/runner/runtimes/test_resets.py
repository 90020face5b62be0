"""When a rate limit ends, in the words of the providers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runner.runtimes.resets import epoch_time, reset_time

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "after"),
    [
        ("try again in 2 days 17 hours 14 minutes.", timedelta(days=2, hours=17, minutes=14)),
        ("Please try again in 1.5s.", timedelta(seconds=1.5)),
        ("Please try again in 20ms.", timedelta(seconds=0.02)),
        ("Your quota will reset after 3h5m20s.", timedelta(hours=3, minutes=5, seconds=20)),
        ('"retryDelay":"34s"', timedelta(seconds=34)),
        ("retry-after: 30", timedelta(seconds=30)),
        ('{"resets_in_seconds":13872}', timedelta(seconds=13872)),
        ("usage limit reached|1795363200", timedelta(hours=4)),
        ('{"resets_at":1795363200}', timedelta(hours=4)),
        ("until 2026-11-22T13:00:00Z", timedelta(hours=1)),
        ("resets 3pm (Europe/Berlin)", timedelta(hours=2)),
        ("resets 10:45am", timedelta(hours=22, minutes=45)),
        ("try again at 3:05 PM.", timedelta(hours=3, minutes=5)),
        ("try again at Nov 25th, 2026 3:05 PM.", timedelta(days=3, hours=3, minutes=5)),
    ],
)
def test_a_reset_is_found(message: str, after: timedelta) -> None:
    assert reset_time(message, NOW) == NOW + after


@pytest.mark.parametrize(
    "message",
    [
        "too many requests",
        "resets 25pm",
        "resets 3pm (Nowhere/Land)",
        "try again in 99999999 days",
        "try again at Foo 99th, 2026 3:05 PM.",
        '{"resets_at":9999999999}',
        "",
    ],
)
def test_what_tells_no_believable_time_gives_none(message: str) -> None:
    assert reset_time(message, NOW) is None


def test_a_reset_that_has_passed_is_now() -> None:
    assert reset_time("until 2026-11-22T11:00:00Z", NOW) == NOW


def test_epochs_may_be_in_seconds_or_milliseconds() -> None:
    assert epoch_time(1795363200, NOW) == epoch_time(1795363200000, NOW) == NOW + timedelta(hours=4)


WORDS = [
    *("try again ", "in ", "at ", "resets ", "99", "3", ":", "pm", " (", "UTC", "..", ")"),
    *("Feb ", "31", "0000", "9999-99-99T99:99:99Z", '"resets_at":9999999999', " days"),
    *("retry-after", "|9999999999"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_no_message_raises_anything(words: list[str]) -> None:
    found = reset_time("".join(words), NOW)

    assert found is None or found >= NOW
