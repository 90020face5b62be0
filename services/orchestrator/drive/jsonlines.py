"""Passes on those lines of a stream that are JSON objects."""

import json
import re
from itertools import islice
from typing import BinaryIO

LINE_BYTES = 16 * 1024 * 1024
"""A longer line is left out; the `.log` has it."""
MOST_VALUES = 100_000
"""So is one that holds more, as each takes some hundred bytes of memory to be looked at."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[,\[{]', re.DOTALL)


class JsonLines:
    """Writes them to a sink; holds one unfinished line."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Takes what follows what was fed before."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._rest += data[start:end]
            self._line()
            start = end + 1
        self._rest += data[start:]
        if len(self._rest) > LINE_BYTES:
            self._rest.clear()
            self._skipping = True

    def end(self) -> None:
        """Takes the last line, if it lacked a newline."""
        self._line()

    def _line(self) -> None:
        line, skipped = bytes(self._rest), self._skipping
        self._rest.clear()
        self._skipping = False
        if not skipped and _is_json_object(line):
            self._sink.write(line + b"\n")


def _is_json_object(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{") or _is_crowded(line):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_crowded(line: bytes) -> bool:
    """Tells whether a line would be too many values; what strings hold does not count."""
    if sum(map(line.count, (b",", b"[", b"{"))) <= MOST_VALUES:
        return False
    # A value comes with one separator and with two strings at most: its name and itself.
    tokens = islice(_TOKEN.finditer(line), 3 * MOST_VALUES + 1)
    starts = bytes(line[token.start()] for token in tokens)
    values = len(starts) - starts.count(b'"')
    return values > MOST_VALUES or len(starts) > 3 * MOST_VALUES
