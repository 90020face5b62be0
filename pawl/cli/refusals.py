"""How a refusal is told, and which exit code it stands for."""

import sys
from collections.abc import Iterable

from pawl.cli.exits import REFUSED, UNREACHABLE
from pawl.cli.text import line
from pawl.client import Warning  # noqa: A004  the word the protos have for it
from pawl.wire.errors import DeadlineExceeded, Refusal, Unavailable, Violation


class Unusable(Exception):
    """What the user gave cannot even be sent; the message says why, and what to do."""


def tell(refusal: Refusal) -> int:
    """Prints a refusal with every violation on standard error; returns the exit code."""
    say(f"{line(refusal.reason)}: {line(refusal.message)}")
    tell_violations(refusal.violations)
    missing = int(refusal.metadata.get("total", "0")) - len(refusal.violations)
    if refusal.violations and missing > 0:
        say(f"and {missing} more: `pawl validate` shows them all")
    if refusal.retry_after is not None:
        say(f"try again in {refusal.retry_after.total_seconds():g} s")
    return UNREACHABLE if isinstance(refusal, Unavailable | DeadlineExceeded) else REFUSED


def tell_violations(violations: tuple[Violation, ...]) -> None:
    """One line each: path, code, description."""
    for violation in violations:
        parts = (violation.field or "(payload)", violation.reason, violation.description)
        sys.stderr.write("  ".join(map(line, parts)) + "\n")


def say(sentence: str) -> None:
    """Tells the user something that is not the answer, on one line."""
    sys.stderr.write(f"pawl: {line(sentence)}\n")
    sys.stderr.flush()


def tell_warnings(warnings: Iterable[Warning]) -> None:
    """One line each, on standard error."""
    for warning in warnings:
        field = f"{line(warning.field)}: " if warning.field else ""
        say(f"warning: {field}{line(warning.description)} ({line(warning.reason)})")
