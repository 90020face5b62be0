"""Judges names of branches as git does, more strictly for those that Pawl makes."""

import re
import unicodedata

NEW = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")

# What a schema can say of all this: it cannot count the bytes of a part beyond ASCII.
_NEVER = r"(?!refs/|HEAD\s*$|.*(?:\.\.|//|/\.|\.lock(?:/|\s*$)|[./]\s*$|[!-.0-~]{251}))"
TOLD_OF_NEW = (
    r"(?!(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[Hh][Ee][Aa][Dd]|[A-Z_-]+_HEAD|AUTO_MERGE)\s*$)"
    + _NEVER
    + NEW.pattern
)
TOLD_OF_EXISTING = (
    _NEVER
    + r"(?![-./]|@\s*$|.*@\{)[^\s\x00-\x20\x7f-\x9f~^:?*\[\\\u00ad\u034f\u0600-\u0605\u061c\u06dd"
    + r"\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2060\u2800\ufeff"
    + "\U000110bd\U000110cd\U00013430-\U00013438]+"
)

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Drawn as nothing, though letters, marks or symbols by category."""
_LONGEST_PART = 250
"""Bytes: git keeps a part as a file, and locks it under its name with `.lock` behind."""
_OBJECT = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")
_PSEUDO = re.compile(r"(?i:head)|[A-Z_-]+_HEAD|AUTO_MERGE")


def fault_of_new(name: str) -> str | None:
    """Why a branch may not be made under this name; None when it may.

    Two sentences, the second without its full stop.
    """
    if not NEW.fullmatch(name):
        return (
            "It is no name Pawl makes a branch under. Begin with a letter or digit and go on with"
            " at most 199 letters, digits and . _ / -"
        )
    if _OBJECT.fullmatch(name):
        return "It reads as the id of a commit, and forges take no such branch. Choose another name"
    if _PSEUDO.fullmatch(name):
        return "git keeps names such as HEAD for itself. Choose another name"
    return fault_of_existing(name)


def fault_of_existing(name: str) -> str | None:
    """Why no branch can have this name; None when one can. Two sentences, as above."""
    parts = name.split("/")
    if (
        _FORBIDDEN.search(name)
        or name in {"@", "HEAD"}
        or name.endswith(".")
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    ):
        return "git allows no branch of this name (see git check-ref-format). Choose another"
    if name.startswith("-"):
        return "It begins with a dash, as an option does. Choose another branch"
    if name.startswith("refs/"):
        return "It is a full ref. Write the branch's short name, such as main"
    if not name.isascii() and any(map(_unseen, name)):
        return "It holds characters that cannot be seen. Choose another branch"
    if any(len(part.encode()) > _LONGEST_PART for part in parts):
        return f"A part of it holds more than {_LONGEST_PART} bytes. Choose another branch"
    return None


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or character in _FILLERS
