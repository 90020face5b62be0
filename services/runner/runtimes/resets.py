"""Finds in a provider's words when it takes requests again."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FURTHEST = timedelta(days=32)
"""A reset further away is not believed; the longest limit in use is a month."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|d|h|m|s)[a-z]*"
_PERIOD = re.compile(
    r"(?:(?:again|retry|reset|resets)\s+(?:in|after)|retry-?_?(?:after|delay)\W{1,4})\s*"
    rf"((?:{_AMOUNT}[\s,]*(?:and\s+)?){{1,6}})",
    re.IGNORECASE,
)
_PAIR = re.compile(_AMOUNT, re.IGNORECASE)
_BARE_SECONDS = re.compile(r"retry-?_?after(?:_seconds)?\W{1,4}(\d{1,9})\b", re.IGNORECASE)
_IN_SECONDS = re.compile(r"resets_in_seconds\W{1,4}(\d{1,9})\b")
_EPOCH = re.compile(r"(?:\||resets_?at\W{1,4})(\d{10})(?:\d{3})?\b", re.IGNORECASE)
_STAMP = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CLOCK = re.compile(
    r"(?:resets|again)\s+(?:at\s+|on\s+)?"
    r"(?:(?P<month>[a-z]{3})[a-z]{0,6}\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+"
    r"(?:(?P<year>\d{4}),?\s+)?(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]m)\b"
    r"(?:\s*\((?P<zone>[A-Za-z_+\-/0-9]{1,64})\))?",
    re.IGNORECASE,
)


def reset_time(message: str, now: datetime) -> datetime | None:
    """When `message` says that requests are taken again; None where it does not say.

    Knows periods ("try again in 2 days 17 hours", "retryDelay": "34s", "reset after 3h5m"),
    epochs ("…|1777936568", "resets_at": 1777936568), ISO stamps, and times of day with or without
    a date ("resets 3pm (Europe/Berlin)"; without a zone it is UTC, which the CLIs are started in).
    """
    message = message[:8192]
    found = _period(message, now) or _moment(message) or _time_of_day(message, now)
    if found is None or not now - timedelta(days=1) < found < now + _FURTHEST:
        return None
    return max(found, now)


def epoch_time(seconds: float | None, now: datetime) -> datetime | None:
    """The moment of a Unix time in seconds or milliseconds; None where it cannot be a reset."""
    if seconds is None:
        return None
    if seconds > 1e11:
        seconds /= 1000
    if not abs(seconds - now.timestamp()) < _FURTHEST.total_seconds():
        return None
    return max(datetime.fromtimestamp(seconds, UTC), now)


def _period(message: str, now: datetime) -> datetime | None:
    if match := _PERIOD.search(message):
        seconds = sum(float(n) * _SECONDS[unit.lower()] for n, unit in _PAIR.findall(match[1]))
    elif match := _BARE_SECONDS.search(message) or _IN_SECONDS.search(message):
        seconds = float(match[1])
    else:
        return None
    return now + timedelta(seconds=seconds) if seconds < _FURTHEST.total_seconds() else None


def _moment(message: str) -> datetime | None:
    if match := _EPOCH.search(message):
        return datetime.fromtimestamp(int(match[1]), UTC)
    if match := _STAMP.search(message):
        try:
            return datetime.fromisoformat(match[1]).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    return None


def _time_of_day(message: str, now: datetime) -> datetime | None:
    match = _CLOCK.search(message)
    if match is None or not 1 <= int(match["hour"]) <= 12:
        return None
    hour = int(match["hour"]) % 12 + (12 if match["half"].lower() == "pm" else 0)
    minute = int(match["minute"] or 0)
    try:
        zone = ZoneInfo(match["zone"]) if match["zone"] else UTC
        local = now.astimezone(zone)
        then = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if match["month"]:
            month = _MONTHS.index(match["month"].lower()) + 1
            year = int(match["year"] or local.year)
            return then.replace(year=year, month=month, day=int(match["day"])).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return None
    if then <= local:
        then += timedelta(days=1)
    return then.astimezone(UTC)
