"""Judges names of branches as git does, more strictly for those that Pawl makes."""

import re
import unicodedata

NEW = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def fault_of_new(name: str) -> str | None:
    """Why a branch may not be made under this name; None when it may."""
    if not NEW.fullmatch(name):
        return (
            "It is no name Pawl makes a branch under. Begin with a letter or digit and go on with"
            " at most 199 letters, digits and . _ / -"
        )
    return fault_of_existing(name)


def fault_of_existing(name: str) -> str | None:
    """Why no branch can have this name; None when one can."""
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
    if any(unicodedata.category(character) in _HIDDEN for character in name):
        return "It holds characters that cannot be seen. Choose another branch"
    return None
