"""Judges characters: what no text of a payload may hold, what counts as blank."""

import re
import unicodedata

_BAD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # order of display differs from order of text
    "\U000e0000-\U000e007f"  # tags: invisible ASCII
    "\ud800-\udfff]"  # lone surrogates: no UTF-8 form
    "|\r(?!\n)"
)
_LINE_BREAK = re.compile("[\n\r\u2028\u2029\t]")
_MOST_COMBINING = 64


def fault(text: str) -> str | None:
    """The first thing that no text may hold, for a person; None when there is none."""
    if bad := _BAD.search(text):
        return f"the character U+{ord(bad[0]):04X} at position {bad.start() + 1}"
    if not text.isascii() and (start := _pile(text)) is not None:
        return f"more than {_MOST_COMBINING} combining marks in a row at position {start + 1}"
    return None


def spans_lines(text: str) -> bool:
    """Whether a text that should be one line is more, or holds a tab."""
    return _LINE_BREAK.search(text) is not None


def tidied(text: str) -> str | None:
    """Trimmed, with line feeds for line ends; None where nothing visible is left."""
    text = text.replace("\r\n", "\n").strip()
    if any(character.isprintable() and not character.isspace() for character in text):
        return text
    return None


def _pile(text: str) -> int | None:
    height = 0
    for position, character in enumerate(text):
        height = height + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if height > _MOST_COMBINING:
            return position - _MOST_COMBINING
    return None
