"""Checks a raw payload as JSON, whatever its fields mean."""

import json
import math

from services.contract import text
from services.contract.report import Path, Report
from services.contract.values import Json

PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of a payload as compact UTF-8 JSON."""

DEEPEST = 16
"""Levels of nesting: protobuf refuses to read past 100 messages, three to a JSON object."""

_EXACT = 2**53 - 1
"""The largest whole number JSON's doubles and RFC 8785 carry exactly."""


def sound(payload: dict[str, Json], report: Report) -> dict[str, Json] | None:
    """The payload with sorted keys and whole numbers as `int`; None if it cannot be read on.

    Bad text and bad numbers are noted and left in place: their fields can still
    be told from others.
    """
    copy = _sound(payload, (), report)
    if not isinstance(copy, dict):
        return None
    encoded = json.dumps(copy, ensure_ascii=False, separators=(",", ":"))
    size = len(encoded.encode("utf-8", "surrogatepass"))
    if size > PAYLOAD_LIMIT:
        report.refuse(
            (),
            "SIZE",
            f"The payload holds {size:,} bytes as JSON; shorten it to at most {PAYLOAD_LIMIT:,}.",
        )
        return None
    return copy


def _sound(value: Json, path: Path, report: Report) -> Json:
    if isinstance(value, dict | list) and len(path) >= DEEPEST:
        report.refuse(path, "TOO_DEEP", f"It nests deeper than {DEEPEST} levels. Flatten it.")
        return None
    match value:
        case dict():
            for key in value:
                _check_text(key, (*path, key), report)
            return {key: _sound(value[key], (*path, key), report) for key in sorted(value)}
        case list():
            return [_sound(item, (*path, index), report) for index, item in enumerate(value)]
        case str():
            _check_text(value, path, report)
            return value
        case bool() | None:
            return value
        case int() | float():
            return _number(value, path, report)


def _check_text(value: str, path: Path, report: Report) -> None:
    if problem := text.fault(value):
        report.refuse(path, "BAD_TEXT", f"It holds {problem}. Remove it.")


def _number(value: int | float, path: Path, report: Report) -> int | float:
    """Whole numbers past the exact range stay doubles, as the wire carries them."""
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double) or (isinstance(value, int) and int(double) != value):
        report.refuse(
            path, "BAD_NUMBER", "JSON's doubles cannot carry this number. Write it as a string."
        )
        return 0
    if double.is_integer() and abs(double) <= _EXACT:
        return int(double)
    return double
