"""Makes text that others wrote safe to print on a terminal."""

import re
import unicodedata

_SEQUENCE = re.compile(
    r"""
    \x1b\[ [0-?]{0,64} [\ -/]{0,8} [@-~]                # CSI: colours, cursor
  | \x1b[\]PX^_] [^\x07\x1b\x9c]{0,4096} (?:\x07|\x1b\\|\x9c)  # OSC, DCS, SOS, PM, APC
  | \x1b [\ -/]{0,8} [0-~]                              # the short ones
    """,
    re.VERBOSE,
)

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the order in which the ones beside them are shown."""


def line(text: str, limit: int = 2000) -> str:
    """`text` as one line of at most `limit` characters that moves no cursor."""
    cut = text[: 4 * limit]
    shown = " ".join("".join(map(_shown, _SEQUENCE.sub("", cut))).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def lines(text: str) -> str:
    """`text` with its line breaks and tabs, and nothing else that moves a cursor."""
    normal = _SEQUENCE.sub("", text).replace("\r\n", "\n")
    return "".join(character if character in "\n\t" else _shown(character) for character in normal)


def _shown(character: str) -> str:
    if character in "\n\t\r\u2028\u2029\x85\x0b\x0c":
        return " "
    if character in _TURNING or unicodedata.category(character) in {"Cc", "Cs"}:
        return ""
    return character
