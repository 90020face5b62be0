"""Takes typed fields out of JSON that a hostile program may have written."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice

_MOST_VALUES = 100_000
"""In one line: each takes some hundred bytes of memory, and no CLI tells so many at once."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[,\[{]', re.DOTALL)

_LARGEST = 2**53
"""Counts above it are not counts; the wire has 64 bits, and JavaScript fewer."""


def parsed(line: bytes) -> Mapping[str, object] | None:
    """The JSON object in `line`, None where there is none; never raises."""
    if not line.lstrip().startswith(b"{") or _is_crowded(line):
        return None  # an agent can print millions of such lines
    try:
        value = _DECODER.decode(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        # UnicodeDecodeError and integers of more than 4,300 digits are ValueErrors too.
        return None
    return value if isinstance(value, dict) else None


def _is_crowded(line: bytes) -> bool:
    """Tells whether a line would be too many values; what strings hold does not count."""
    if sum(map(line.count, (b",", b"[", b"{"))) <= _MOST_VALUES:
        return False
    # A value comes with one separator and with two strings at most: its name and itself.
    tokens = islice(_TOKEN.finditer(line), 3 * _MOST_VALUES + 1)
    starts = bytes(line[token.start()] for token in tokens)
    values = len(starts) - starts.count(b'"')
    return values > _MOST_VALUES or len(starts) > 3 * _MOST_VALUES


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


# `json.loads` would make one for every line.
_DECODER = json.JSONDecoder(parse_constant=_refuse)


def text(fields: Mapping[str, object], key: str) -> str:
    """The string at `key`, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def mapping(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object at `key`, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def mappings(fields: Mapping[str, object], key: str, most: int = 256) -> list[Mapping[str, object]]:
    """The objects in the array at `key`; no more than `most` of its elements are looked at."""
    value = fields.get(key)
    items: Sequence[object] = value if isinstance(value, list) else []
    return [item for item in items[:most] if isinstance(item, dict)]


def count(fields: Mapping[str, object], key: str) -> int | None:
    """The whole number at `key` if it is one from 0 to 2**53, else None."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        return None
    return value


def number(fields: Mapping[str, object], key: str) -> float | None:
    """The finite number at `key` if it is one from 0 to 2**53, else None."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value <= _LARGEST or not math.isfinite(value):
        return None
    return float(value)


def compact(value: object, most: int) -> str:
    """`value` as JSON of at most about `most` characters, for people's eyes; never raises."""
    if isinstance(value, str):
        return value[:most]
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:most]
    except RecursionError:
        return "…"
