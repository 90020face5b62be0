"""Writes JSON in the one form of RFC 8785, over which digests are taken."""

from typing import Any, TypeAlias

import orjson
import rfc8785

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"


def canonical(value: Value, *, simple: bool = False) -> bytes:
    """The form of a JSON value, as UTF-8; whole numbers beyond 2^53 have to be floats.

    `simple` promises that every fraction is of at least 1e-4 and below 2^53 in size, and
    every character of a key below U+E000: then orjson's own order of keys and its own
    fractions are those of the form.
    """
    if simple:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(_prepared(value))


def _prepared(value: Value) -> Any:
    """The value with its keys in the order of UTF-16, and its fractions written out."""
    if isinstance(value, dict):
        return {key: _prepared(value[key]) for key in sorted(value, key=_utf_16)}
    if isinstance(value, list):
        return list(map(_prepared, value))
    if isinstance(value, float):
        return orjson.Fragment(rfc8785.dumps(value))
    return value


def _utf_16(text: str) -> bytes:
    return text.encode("utf-16-be")
