"""Checks a raw payload as JSON, whatever its fields mean."""

import json
import math
import re
from dataclasses import dataclass

import orjson

from services.contract import text
from services.contract.report import Path, Report
from services.contract.values import Json

PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of a payload as compact UTF-8 JSON."""

MOST_VALUES = 5_000
"""Values at every level together, so that any payload is answered within 50 ms.

A hundred steps with everything a step can have are some 1,200.
"""

DEEPEST = 16
"""Levels of nesting: protobuf refuses to read past 100 messages, three to a JSON object."""

_LATE = re.compile("[\ue000-\U0010ffff]")
"""Characters that UTF-16 sorts otherwise than code points are sorted."""

_EXACT = 2**53 - 1
"""The largest whole number JSON's doubles and RFC 8785 carry exactly."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A payload with sorted keys and whole numbers as `int`."""

    values: dict[str, Json]
    simple: bool
    """Whether it keeps the promise that `canonical.canonical` knows by this name."""


def sound(payload: dict[str, Json], report: Report) -> Sound | None:
    """The payload as it can be read on; None where it cannot.

    Bad text and bad numbers are noted and left in place: their fields can still
    be told from others.
    """
    reader = _Copy(report)
    copy = reader.of(payload, ())
    if reader.room < 0:
        report.refuse(
            (), "SIZE", f"The payload holds more than {MOST_VALUES:,} values. Shorten it."
        )
    if not isinstance(copy, dict) or report.faulty(()):
        return None
    if reader.most <= PAYLOAD_LIMIT:
        return Sound(copy, reader.simple)
    size = _size(copy)
    if size > PAYLOAD_LIMIT:
        report.refuse(
            (),
            "SIZE",
            f"The payload holds {size:,} bytes as JSON; the most is {PAYLOAD_LIMIT:,}. Shorten it.",
        )
        return None
    return Sound(copy, reader.simple)


def _size(values: dict[str, Json]) -> int:
    """Bytes as compact JSON."""
    try:
        return len(orjson.dumps(values))
    except orjson.JSONEncodeError:  # it writes no lone surrogates; they are told of already
        return text.size(json.dumps(values, ensure_ascii=False, separators=(",", ":")))


class _Copy:
    """Copies values until there are too many."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.room = MOST_VALUES
        """How many values more there may be; negative once there were too many."""
        self.most = 0
        """Bytes that the copy cannot exceed as JSON."""
        self.simple = True

    def of(self, value: Json, path: Path) -> Json:
        self.room -= 1
        self.most += 32
        if isinstance(value, str):
            self._check_text(value, path)
            return value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            exact = isinstance(value, int) and -_EXACT <= value <= _EXACT
            return value if exact else self._number(value, path)
        if len(path) >= DEEPEST:
            self._report.refuse(
                path, "TOO_DEEP", f"It nests deeper than {DEEPEST} levels. Flatten it."
            )
            return None
        if len(value) > self.room:
            self.room = -1
            return None
        if isinstance(value, list):
            return [self.of(item, (*path, index)) for index, item in enumerate(value)]
        keys = sorted(value)
        for key in keys:
            # What looks like a field's name holds nothing bad.
            if key.isascii() and key.isidentifier():
                self.most += len(key)
            else:
                self.simple = self.simple and not _LATE.search(key)
                self._check_text(key, (*path, key))
        return {key: self.of(value[key], (*path, key)) for key in keys}

    def _check_text(self, value: str, path: Path) -> None:
        self.most += 6 * len(value)
        if problem := text.fault(value):
            self._report.refuse(path, "BAD_TEXT", f"It holds {problem}. Remove it.")

    def _number(self, value: int | float, path: Path) -> int | float:
        """Whole numbers past the exact range stay doubles, as the wire carries them."""
        try:
            double = float(value)
        except OverflowError:
            double = math.inf
        if not math.isfinite(double) or (isinstance(value, int) and int(double) != value):
            self._report.refuse(
                path,
                "BAD_NUMBER",
                "JSON's doubles cannot carry this number. Write it as a string.",
            )
            return 0
        if double.is_integer() and abs(double) <= _EXACT:
            return int(double)
        self.simple = self.simple and 1e-4 <= abs(double) < 2**53
        return double
