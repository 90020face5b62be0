"""Text of others, made fit for a page: nothing in it hides, turns or moves what is beside it."""

import re
import unicodedata

TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the order in which the ones beside them are shown."""


_ODD = re.compile(r"[^\x20-\x7e\n\t]+")
"""What has to be looked at; a plan holds megabytes that need not be."""


def visible(text: str) -> str:
    """`text` with every character that cannot be seen, or that turns others, named in its place.

    Line breaks and tabs stay. It is still text: whoever puts it into a page escapes it.
    """
    return _ODD.sub(_shown, text)


def _shown(odd: re.Match[str]) -> str:
    run = odd[0]
    return run if run.isprintable() else "".join(map(_visible, run))


def _visible(character: str) -> str:
    if character.isprintable() and character not in TURNING:
        return character
    if character in "\n\t ":
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"\u27e6U+{code:04X}\u27e7"
