"""The search for secrets in bytes that arrive in pieces."""

import hashlib
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from services.orchestrator.screen.shapes import SHAPES, Shape, invented
from services.orchestrator.screen.values import forms

OVERLAP = 64 * 1024
"""Bytes searched again with the next piece: more than any match takes, however it is split."""
WINDOW = 1024 * 1024
KNOWN = "known-value"
_JOINT = re.compile(rb"[\"']\s{0,40}+[+.]?+\s{0,40}+[\"']|\\\r?\n[ \t]{0,80}+")
"""Where a literal is written in two parts, or a line goes on."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret by its rule and digest, so that nobody downstream holds the value itself."""

    rule: str
    digest: str


class Rules:
    """What is searched for; made once for many files."""

    def __init__(self, known: Sequence[str], shapes: Sequence[Shape] = SHAPES) -> None:
        self.shapes = shapes
        self.known = tuple((_digest(value.encode()), forms(value)) for value in known)
        longest = max((len(form) for _, all_ in self.known for form in all_), default=0)
        if 2 * longest > OVERLAP:
            raise ValueError("a known value is too long to be found")


class Scan:
    """One file's search; memory is a few windows, whatever the file's size."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._carried = b""
        self._first = True
        self._found: set[Found] = set()

    def feed(self, piece: bytes) -> None:
        """Searches the next bytes."""
        for start in range(0, len(piece), WINDOW):
            window = self._carried + piece[start : start + WINDOW]
            self._search(window, last=False)
            self._carried = window[-OVERLAP:]
            self._first = self._first and len(window) <= OVERLAP

    def end(self) -> Set[Found]:
        """All that was found."""
        self._search(self._carried, last=True)
        return self._found

    def _search(self, window: bytes, *, last: bool) -> None:
        for text in _readings(window):
            for digest, written in self._rules.known:
                if any(form in text for form in written):
                    self._found.add(Found(KNOWN, digest))
            for shape in self._rules.shapes:
                if shape.sign in text:
                    self._found.update(self._matches(shape, text, last))

    def _matches(self, shape: Shape, text: bytes, last: bool) -> Iterator[Found]:
        for match in shape.pattern.finditer(text):
            # At a cut the pattern cannot see its neighbours; another window sees it whole.
            cut = (match.start() == 0 and not self._first) or (
                match.end() == len(text) and not last
            )
            if not cut and not invented(match[0]):
                yield Found(shape.name, _digest(match[0]))


def _readings(window: bytes) -> Iterator[bytes]:
    """The bytes as they are, as UTF-16 holds them, and with split literals made whole."""
    yield window
    narrow = window.replace(b"\0", b"")
    if len(narrow) != len(window):
        yield narrow
    joined = _JOINT.sub(b"", narrow)
    if len(joined) != len(narrow):
        yield joined


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
