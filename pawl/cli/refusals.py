"""How a refusal is told, and which exit code it stands for."""

import itertools
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import TypeAlias

from pawl.cli.exits import REFUSED, UNREACHABLE
from pawl.cli.text import line
from pawl.client import FieldViolation, Warning  # noqa: A004  the word the protos have for it
from pawl.wire.errors import DeadlineExceeded, Refusal, Unavailable, Violation


class Unusable(Exception):
    """What the user gave cannot even be sent; the message says why, and what to do."""


Place: TypeAlias = Callable[[str], str]
"""Says of a path where it was written, such as ``task.yaml:12``; nothing if it is not known."""


def nowhere(_field: str) -> str:
    """The place of what came from no file."""
    return ""


def tell(refusal: Refusal, place: Place = nowhere) -> int:
    """Prints a refusal with every violation on standard error; returns the exit code."""
    say(f"{line(refusal.reason)}: {line(refusal.message)}")
    tell_violations(refusal.violations, place)
    missing = int(refusal.metadata.get("total", "0")) - len(refusal.violations)
    if refusal.violations and missing > 0:
        say(f"and {missing} more: `pawl validate` shows them all")
    if refusal.retry_after is not None:
        say(f"try again in {refusal.retry_after.total_seconds():g} s")
    return UNREACHABLE if isinstance(refusal, Unavailable | DeadlineExceeded) else REFUSED


def tell_violations(
    violations: Iterable[Violation | FieldViolation], place: Place = nowhere
) -> None:
    """Every violation on standard error, as many as there are.

    A terminal gets them by path, wrapped. Elsewhere each is one line: place, path, code,
    description.
    """
    if not sys.stderr.isatty():
        for violation in violations:
            where = place(violation.field)
            parts = (_path(violation.field), violation.reason, violation.description)
            told = "  ".join(map(line, parts))
            sys.stderr.write(f"{line(where)}: {told}\n" if where else f"{told}\n")
        return
    width = max(40, shutil.get_terminal_size().columns)
    for field, group in itertools.groupby(violations, lambda violation: violation.field):
        where = place(field)
        sys.stderr.write(f"\n{line(_path(field))}{f'  ({line(where)})' if where else ''}\n")
        for violation in group:
            told = f"{line(violation.reason)}  {line(violation.description)}"
            shown = textwrap.wrap(
                told, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )
            sys.stderr.write("\n".join(shown) + "\n")
    sys.stderr.write("\n")


def _path(field: str) -> str:
    return field or "(payload)"


def say(sentence: str) -> None:
    """Tells the user something that is not the answer, on one line."""
    sys.stderr.write(f"pawl: {line(sentence)}\n")
    sys.stderr.flush()


def tell_warnings(warnings: Iterable[Warning], place: Place = nowhere) -> None:
    """One line each, on standard error."""
    for warning in warnings:
        where = place(warning.field) if warning.field else ""
        known = (line(part) for part in (where, warning.field) if part)
        path = "".join(f"{part}: " for part in known)
        say(f"warning: {path}{line(warning.description)} ({line(warning.reason)})")
