"""Takes what acts out of text of agents and users: mentions, references, trailers, unseen signs."""

import re
import unicodedata

JOINER = "\u2060"
"""What takes the meaning out of a mention or a reference: no width, no line break, no look."""

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0")
"""What shows nothing although its category says that it does."""
ACTING = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"()(@)(?=[^\s@])",  # people and teams; also the middle of a mail address
        r"()(#)(?=\d)",
        r"\b()(GH-)(?=\d)",
        r"()(/(?:issues|pulls?|discussions|commits?)/)(?=[0-9a-f])",
        r"()(\[)(?=(?:skip[ ]+(?:ci|actions)|(?:ci|actions)[ ]+skip|no[ ]+ci)\])",
        r"()(Pawl-)(?=Job)",
        # Trailers of one word, such as `fix: ...`, are subjects of many projects and stay.
        r"^([ \t]*)([a-z0-9]+(?:-[a-z0-9]+)+)(?=\s*:)",
    )
)
"""What a forge or git acts on even in plain text, such as a commit message."""


def visible(text: str) -> str:
    """`text` with line feeds and tabs alone left of what cannot be seen; the rest is named."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c if _seen(c) else f"⟨U+{ord(c):04X}⟩" for c in lines)


def stripped(text: str) -> str:
    """A person's own text without control and bidi characters; what it means stays.

    Only the marker of another job is broken, by which that job would find it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c in "\n\t" or not _governs(c))
    return re.sub(r"(Pawl-)(?=Job)", rf"\1{JOINER}", kept, flags=re.IGNORECASE)


def plain(text: str) -> str:
    """`text` that mentions, refers to, closes and signs nothing in a commit message."""
    seen = visible(text)
    for pattern in ACTING:
        seen = pattern.sub(rf"\1\2{JOINER}", seen)
    return seen


def line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, as `plain` leaves it."""
    # Cut first: what is named takes more room, and a whole novel need not be looked at.
    return cut(plain(" ".join(text[: limit * 4].split())), limit)


def cut(text: str, limit: int) -> str:
    """`text` of one line, ending in an ellipsis where it is longer than `limit`."""
    return text if len(text) <= limit else text[: limit - 1].rstrip(f" {JOINER}") + "…"


def _seen(character: str) -> bool:
    if character in "\n\t":
        return True
    if character in BLANK or 0xE0100 <= ord(character) <= 0xE01EF:
        return False
    return not unicodedata.category(character).startswith("C")


def _governs(character: str) -> bool:
    if unicodedata.category(character) in {"Cc", "Cs"}:
        return True
    return character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
