"""Makes text fit for a database: NUL and lone surrogates break them in different ways."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

PAYLOAD_BYTES = 32 * 1024
"""Bytes of an event's payload as JSON; what is bigger belongs into an artifact."""


def clean(text: str) -> str:
    """The text with NUL made visible and lone surrogates replaced by U+FFFD."""
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cleaned(value: Any) -> Any:
    """A JSON value with every string of it, keys included, made clean."""
    match value:
        case str():
            return clean(value)
        case Mapping():
            return {clean(str(key)): cleaned(item) for key, item in value.items()}
        case bytes():
            raise TypeError("bytes are not JSON")
        case Sequence():
            return [cleaned(item) for item in value]
        case _:
            return value


def payload(value: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """An event's payload made clean. Raises ValueError where it is too big to be a fact."""
    fit: dict[str, Any] = cleaned(value)
    size = len(dumps(fit).encode())
    if size > PAYLOAD_BYTES:
        raise ValueError(f"{type_} has a payload of {size} bytes; {PAYLOAD_BYTES} are allowed")
    return fit


def dumps(value: Any) -> str:
    """Compact JSON; NaN and infinities are refused."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
