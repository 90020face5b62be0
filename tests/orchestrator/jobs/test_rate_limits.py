"""How long a provider is left alone that takes no more requests."""

from datetime import UTC, datetime, timedelta

from services.orchestrator.jobs.retries import LONGEST_WAIT, after_rate_limit

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_it_is_until_the_time_it_told() -> None:
    told = NOW + timedelta(minutes=7)

    assert after_rate_limit(1, now=NOW, reset_time=told) == timedelta(minutes=7)


def test_a_time_that_has_passed_is_a_moment() -> None:
    told = NOW - timedelta(minutes=7)

    assert timedelta() < after_rate_limit(1, now=NOW, reset_time=told) < timedelta(seconds=5)


def test_where_nothing_was_told_it_is_longer_each_time() -> None:
    waits = [after_rate_limit(attempt, now=NOW, reset_time=None) for attempt in (1, 2, 3, 40)]

    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4), LONGEST_WAIT]
