"""What the scripted agent writes, and its copies for those who check what arrived."""

import os
import random
from collections.abc import Iterator

COPIES: dict[int, list[int]] = {1: [], 2: []}
SAID = {1: bytearray(), 2: bytearray()}
"""The first of what went to stdout and stderr, for copies that are asked for later."""
MOST_SAID = 64 * 1024


def noise(size: int, *, line: bool = False) -> Iterator[bytes]:
    """The same `size` bytes every time: NULs and broken UTF-8, in lines or in one line."""
    source = random.Random(size)
    while size > 0:
        piece = source.randbytes(min(size, 1024 * 1024))
        size -= len(piece)
        if line:
            piece = piece.replace(b"\n", b"\0")
        if not size:
            piece = piece[:-1] + b"\n"
        yield piece


def write(descriptor: int, text: str | bytes) -> int:
    """Writes all of a text, returns its length in bytes."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    if descriptor in SAID:
        SAID[descriptor].extend(data[: MOST_SAID - len(SAID[descriptor])])
    # Copies first: what arrives anywhere is never ahead of its copy.
    for taker in (*COPIES.get(descriptor, ()), descriptor):
        left = memoryview(data)
        while left:
            left = left[os.write(taker, left) :]
    return len(data)
