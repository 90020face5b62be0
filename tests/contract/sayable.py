"""Which violations a JSON Schema can say, and why it cannot say the others."""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from pawl.wire.errors import Violation
from services.contract import text

Case: TypeAlias = Callable[[Violation, dict[str, Any]], bool]
"""Whether this violation of this payload can be said."""

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]")
_CHARACTER = re.compile(r"the character U\+([0-9A-F]+) at")
_LONE_CR = 0x0D


def always(_violation: Violation, _payload: dict[str, Any]) -> bool:
    """It can, wherever it is found."""
    return True


def never(_violation: Violation, _payload: dict[str, Any]) -> bool:
    """It cannot."""
    return False


def at(payload: dict[str, Any], field: str) -> Any:
    """The value at a path that a violation names, as far as its keys are plain."""
    found: Any = payload
    for name, index in _PART.findall(field):
        found = found[int(index)] if index else found[name]
    return found


def _one_character_or_line(violation: Violation, _payload: dict[str, Any]) -> bool:
    """Runs of combining or invisible characters, and a selector's company, it cannot."""
    if "spans lines" in violation.description:
        return True
    named = _CHARACTER.search(violation.description)
    if named is None:
        return False
    point = int(named[1], 16)
    return point == _LONE_CR or any(first <= point <= last for first, last in text.BAD_RANGES)


def _countable(violation: Violation, payload: dict[str, Any]) -> bool:
    """It counts characters and elements; not bytes, and nothing of the whole."""
    if not violation.field:
        return False
    value = at(payload, violation.field)
    return not isinstance(value, str) or value.isascii() or "characters" in violation.description


def _by_itself(violation: Violation, payload: dict[str, Any]) -> bool:
    """Base and new branch are two fields; parts beyond ASCII are counted in bytes."""
    if "from a branch into itself" in violation.description:
        return False
    return "bytes" not in violation.description or at(payload, violation.field).isascii()


CODES: dict[str, Case] = {
    "REQUIRED": always,
    "WRONG_TYPE": always,
    "SIZE": _countable,
    "BAD_TEXT": _one_character_or_line,
    "BAD_NUMBER": never,  # what a double cannot carry is between two numbers that it can
    "TOO_DEEP": never,  # nesting of the whole
    "ALIAS_CONFLICT": never,  # two fields
    "REPO_URL_DENIED": never,  # addresses are parsed, decoded and compared with networks
    "UNKNOWN_RUNTIME": always,
    "RUNTIME_CONFLICT": never,  # two fields
    "MODEL_NAME": always,
    "EFFORT_NAME": always,
    "CAPABILITY_NAME": always,
    "SECRET_REF": always,
    "SKILL_ID": always,
    "TOO_MANY_STEPS": always,
    "STEP_ID": always,
    "STEP_BLANK": always,
    "STEP_FIELD_UNKNOWN": always,
    "STEP_OVERRIDE_FORBIDDEN": always,
    "BRANCH_NAME": _by_itself,
    "UNKNOWN_PUBLISH_MODE": always,
    "LIMIT_RANGE": always,
    "CONTAINER_WITH_STEPS": always,
    "CONTAINER_FIELD": always,
    "CONTAINER_UNSUPPORTED": always,
    "PLAN_TOO_LARGE": never,  # sizes of several texts together
    "TOO_MANY_VIOLATIONS": never,  # it is about the others
}
"""By code, when a schema can say so."""


def sayable(violation: Violation, payload: dict[str, Any]) -> bool:
    """Whether a schema can refuse the payload for this."""
    return CODES[violation.reason](violation, payload)
