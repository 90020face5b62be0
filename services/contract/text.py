"""Judges characters: what no text of a payload may hold, what counts as blank."""

import re
import unicodedata
from collections.abc import Iterable

BAD_RANGES = (
    (0x00, 0x08),  # controls but tab and line feed
    (0x0B, 0x0C),
    (0x0E, 0x1F),
    (0x7F, 0x9F),
    (0x115F, 0x1160),  # Hangul fillers: letters without ink
    (0x17B4, 0x17B5),  # Khmer vowels without ink
    (0x202A, 0x202E),  # order of display differs from order of text
    (0x2061, 0x206F),  # invisible operators; isolates, which turn order likewise
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # lone surrogates: no UTF-8 form
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),  # annotations, which hide what they annotate
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),  # tags: invisible ASCII
    (0xE01F0, 0xE0FFF),
)
"""First and last code point of everything that no text may hold, besides a lone CR.

Nothing is drawn for any of them: they hide text from whoever reads a plan.
"""

_MOST_COMBINING = 64
_MOST_INVISIBLE = 3
"""In a row: emoji and Persian need two."""

_INVISIBLE = "\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff"
_SELECTORS = "\U000e0100-\U000e01ef"
_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
INKLESS = f"{_INVISIBLE}{_SELECTORS}\u2800\\s"
"""What makes a text blank, as the inside of a regular expression's class."""
_INKLESS = re.compile(f"[{INKLESS}]")


def _class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _combining() -> str:
    """Those of the basic plane, where they pile up."""
    points = map(chr, range(0x300, 0x10000))
    return "".join(c for c in points if unicodedata.category(c) in {"Mn", "Me"})


# Measured over a mebibyte: classes that reach past the basic plane, alternatives, and
# patterns that begin with a look back are searched three to ten times slower than these.
_BAD_ASCII = re.compile(f"[{_class(BAD_RANGES[:4])}]")
_BAD_BASIC = re.compile(f"[{_class(pair for pair in BAD_RANGES if pair[1] < 0x10000)}]")
_BAD_ASTRAL = re.compile(f"[{_class(pair for pair in BAD_RANGES if pair[0] >= 0x10000)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LONE_CR = re.compile("\r(?!\n)")
_MARK = _combining()
_PILE = re.compile(f"[{_MARK}](?<![{_MARK}][{_MARK}])[{_MARK}]{{{_MOST_COMBINING}}}")
_RUN = re.compile(f"[{_INVISIBLE}{_SELECTORS}]{{{_MOST_INVISIBLE + 1}}}")
# One of 256 of them after a letter carries a byte that nobody sees.
_SMUGGLED = re.compile(f"[{_SELECTORS}](?<![{_IDEOGRAPHS}][{_SELECTORS}])")
# What most texts in any script do without; they need no search but this.
_SUSPECT = re.compile(
    f"[{_class(pair for pair in BAD_RANGES if pair[1] < 0x10000)}{_INVISIBLE}{_MARK}"
    "\U00010000-\U0010ffff]"
)
_LINE_BREAK = re.compile("[\n\r\u2028\u2029\t]")


def fault(text: str) -> str | None:
    """Something that no text may hold and its place from 1, for a person; None if nothing."""
    if text.isascii():
        if text.isprintable():
            return None
        return _told(_BAD_ASCII.search(text) or ("\r" in text and _LONE_CR.search(text)))
    if "\r" in text and (lone := _LONE_CR.search(text)):
        return _told(lone)
    if not _SUSPECT.search(text):
        return None
    if bad := _BAD_BASIC.search(text):
        return _told(bad)
    if pile := _PILE.search(text):
        return f"more than {_MOST_COMBINING} combining marks in a row at {pile.start() + 1}"
    if run := _RUN.search(text):
        return f"more than {_MOST_INVISIBLE} invisible characters in a row at {run.start() + 1}"
    if _ASTRAL.search(text):
        return _told(_BAD_ASTRAL.search(text) or _SMUGGLED.search(text))
    return None


def _told(bad: "re.Match[str] | bool | None") -> str | None:
    return (
        f"the character U+{ord(bad[0]):04X} at {bad.start() + 1}"
        if isinstance(bad, re.Match)
        else None
    )


def spans_lines(text: str) -> bool:
    """Whether a text that should be one line is more, or holds a tab."""
    return _LINE_BREAK.search(text) is not None


def tidied(text: str) -> str | None:
    """Trimmed, with line feeds for line ends; None where nothing visible is left."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = text.strip()
    # Nearly always the first character is visible; else each distinct one is asked once.
    if text and ("!" <= text[0] <= "~" or any(map(_visible, set(text)))):
        return text
    return None


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _visible(character: str) -> bool:
    return not _INKLESS.match(character)
