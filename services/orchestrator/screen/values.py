"""The forms in which a known secret can stand in a file."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Set
from urllib.parse import quote

SHORTEST = 8
"""Bytes; shorter values stand in ordinary words."""


def forms(value: str) -> Set[bytes]:
    """As it is, base64 wherever it may begin, hex, for URLs and for JSON; none if too short."""
    raw = value.encode()
    if len(raw) < SHORTEST:
        return frozenset()
    return {
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        quote(value, safe="").encode(),
        json.dumps(value)[1:-1].encode(),
        *(_within(raw, before, encode) for before in range(3) for encode in _ALPHABETS),
    }


_ALPHABETS: tuple[Callable[[bytes], bytes], ...] = (b64encode, urlsafe_b64encode)


def _within(raw: bytes, before: int, encode: Callable[[bytes], bytes]) -> bytes:
    """What base64 makes of `raw` after so many other bytes, without what neighbours decide."""
    encoded = encode(bytes(before) + raw).rstrip(b"=")
    end = len(encoded) - bool((before + len(raw)) % 3)
    return encoded[(0, 2, 3)[before] : end]
