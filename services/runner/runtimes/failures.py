"""Says in a person's words why a run failed, from what its CLI let us know."""

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.runner.runtimes.resets import reset_time
from services.runner.runtimes.visible import visible, visible_bytes
from services.runner.values import ErrorClass, Exit, Failure

_MESSAGE_BYTES = 1024

Rules = Sequence[tuple[re.Pattern[str], ErrorClass]]
"""Patterns of a provider's or CLI's words; the first that is found decides."""

_WORDS: Mapping[ErrorClass, tuple[str, ...]] = {
    ErrorClass.REFUSED: (
        r"usage policy",
        r"content.?(?:policy|filter)",
        r"safety (?:policy|reasons)",
        r"\brefus(?:al|ed to)\b",
        r"PROHIBITED_CONTENT",
    ),
    ErrorClass.AUTH: (
        r"\b(?:401|403)\b",
        r"unauthori[sz]ed|UNAUTHENTICATED|PERMISSION_DENIED|authentication",
        r"not logged in|log(?:ged)? ?out",
        r"(?:invalid|incorrect|missing).{0,20}(?:api.?key|bearer|token|credential)",
        r"api.?key.{0,20}(?:invalid|expired|not valid)",
        r"credit balance",
    ),
    ErrorClass.RATE_LIMIT: (
        r"\b429\b|too many requests|RESOURCE_EXHAUSTED|quota",
        r"rate.?limit|usage.?limit|session limit|weekly limit|hit your (?:\w{1,20} )?limit",
    ),
    ErrorClass.OVERLOADED: (
        r"\b(?:500|502|503|504|529)\b|UNAVAILABLE|\bINTERNAL\b|internal (?:server )?error",
        r"overloaded|high demand|at capacity|timed? ?out",
        r"stream disconnected|connection (?:refused|reset|failed)|error sending request",
        r"waiting for network|fetch failed|ECONN|ENOTFOUND|EAI_AGAIN",
    ),
}
"""In the order of their claim to a message: a refusal may speak of limits, not the reverse."""

_RULES: Rules = tuple(
    (re.compile("|".join(words), re.IGNORECASE), error_class)
    for error_class, words in _WORDS.items()
)

_BY_STATUS = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    429: ErrorClass.RATE_LIMIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One error a CLI told of."""

    message: str
    error_class: ErrorClass
    reset_time: datetime | None = None


def trouble(
    message: str,
    now: datetime,
    *,
    status: int | None = None,
    error_class: ErrorClass | None = None,
    rules: Rules = (),
) -> Trouble:
    """What `message` amounts to: by the CLI's own class, else its HTTP status, else its words."""
    if error_class is None:
        error_class = class_of_status(status) or _class_of_words(message, rules)
    return Trouble(
        message=visible(message, _MESSAGE_BYTES),
        error_class=error_class,
        reset_time=reset_time(message, now) if error_class is ErrorClass.RATE_LIMIT else None,
    )


def class_of_status(status: int | None) -> ErrorClass | None:
    """Whose trouble an HTTP status is; None where it says nothing."""
    if status is None:
        return None
    if 500 <= status <= 599:
        return ErrorClass.OVERLOADED
    return _BY_STATUS.get(status)


def _class_of_words(message: str, rules: Rules) -> ErrorClass:
    head = message[:8192]
    for pattern, error_class in (*rules, *_RULES):
        if pattern.search(head):
            return error_class
    return ErrorClass.OTHER


def last_words(stderr_tail: bytes, noise: re.Pattern[str]) -> str:
    """The last line of stderr that is not `noise`; empty where there is none."""
    lines = visible_bytes(stderr_tail[-16384:], 65536).splitlines()
    for line in reversed(lines):
        if line.strip() and not noise.search(line):
            return visible(line.strip(), _MESSAGE_BYTES)
    return ""


_REASONS = {
    ErrorClass.AUTH: "AGENT_AUTH",
    ErrorClass.RATE_LIMIT: "AGENT_RATE_LIMITED",
    ErrorClass.REFUSED: "AGENT_REFUSED",
}


def of_trouble(cli: str, known: Trouble | None, end: Exit, words: str, login: str) -> Failure:
    """Why a run failed that told of `known` trouble, or of none, and ended so.

    `words` is what stderr said last; `login` says how a person gives this CLI its credentials.
    """
    said = known.message if known is not None else words
    quoted = f"Its last error: {said}" if said else "It gave no reason"
    how = f"{cli} {_ended(end)}. {quoted}"
    reason = _REASONS.get(known.error_class) if known is not None else None
    if reason == "AGENT_AUTH":
        return Failure(reason=reason, message=how, remedy=login)
    if reason == "AGENT_RATE_LIMITED":
        return Failure(
            reason=reason,
            message=how,
            remedy="Wait until the provider takes requests again, or raise the account's limit.",
        )
    if reason == "AGENT_REFUSED":
        return refused(how)
    if end.signal is not None:
        return Failure(
            reason="AGENT_SIGNALLED",
            message=how,
            remedy="Look whether the host ran out of memory or somebody ended it, then retry.",
        )
    if known is not None and known.error_class is ErrorClass.OVERLOADED:
        remedy = "The provider could not be reached or was overloaded: submit the task again later."
    else:
        remedy = "Read the step's log, mend what it names, then submit the task again."
    if end.code == 0:
        return Failure(reason="AGENT_INCOMPLETE", message=how, remedy=remedy)
    if end.code in {126, 127} and known is None:
        return unavailable(cli, how)
    return Failure(reason="AGENT_EXIT", message=how, remedy=remedy)


def refused(message: str) -> Failure:
    """The model would not do it."""
    return Failure(
        reason="AGENT_REFUSED",
        message=message,
        remedy="Reword the step's instructions, or choose another model.",
    )


def incomplete(message: str) -> Failure:
    """The CLI left as if all were well, without the result that would say so."""
    return Failure(
        reason="AGENT_INCOMPLETE",
        message=message,
        remedy="Read the step's log to see how far it came, then submit the task again.",
    )


def over_budget(message: str) -> Failure:
    """A limit on turns, tokens or money ended the run."""
    return Failure(
        reason="BUDGET_EXCEEDED",
        message=message,
        remedy="Split the step into smaller ones, or raise the limit that the message names.",
    )


def unavailable(cli: str, message: str) -> Failure:
    """The CLI could not be run at all."""
    return Failure(
        reason="AGENT_UNAVAILABLE",
        message=message,
        remedy=f"Install the CLI on the runner, or set PAWL_{cli.upper()}_BINARY to its path.",
    )


def _ended(end: Exit) -> str:
    if end.signal is None:
        return f"exited with code {end.code}"
    try:
        return f"was ended by {signal.Signals(end.signal).name}"
    except ValueError:
        return f"was ended by signal {end.signal}"


def how_ended(cli: str, end: Exit) -> str:
    """`codex exited with code 1`, `codex was ended by SIGKILL`."""
    return f"{cli} {_ended(end)}"
