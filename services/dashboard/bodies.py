"""Takes fields out of what the page of a new task has sent."""

from collections.abc import Mapping
from typing import Any, NoReturn

from pawl.cli import payload
from pawl.cli.refusals import Unusable
from pawl.wire.errors import InvalidArgument, Violation

LARGEST = 2**31 - 1
"""Whole numbers travel in 32 bits."""


def text_of(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """A text in it. Without a default it has to be there, and hold something."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        refuse(name, f"{name} has to be text that is not blank.")
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(name, f"{name} holds half of a surrogate pair; mend or remove that character.")
    return value


def payload_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload in it, as far as it can travel; what it says is for the contract to judge."""
    try:
        return payload.checked(body.get("payload"), "the task")
    except Unusable as problem:
        refuse("payload", str(problem), reason="TASK_UNUSABLE")


def refuse(field: str, sentence: str, *, reason: str = "REQUEST_INVALID") -> NoReturn:
    """Refuses one field."""
    raise InvalidArgument([Violation(field, reason, sentence)], reason=reason, message=sentence)
