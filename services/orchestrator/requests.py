"""Checks what callers ask for, naming everything that is wrong with it at once."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pawl.wire.errors import InvalidArgument, Violation
from services.orchestrator.jobs.plan import PublishMode

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
LABEL_KEY = re.compile(r"[a-z0-9._/-]{1,64}", re.ASCII)
SKILL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
PRIORITY = 1000
MAX_ATTEMPTS = 100
LABELS = 32
LABEL_VALUE_CHARACTERS = 256
PAGE_SIZE = 500
TEXT_CHARACTERS = 200
TEXT_WORDS = 10
REASON_CHARACTERS = 1000
BUCKETS = 200
BUCKET_SECONDS = 24 * 3600
DEPTH = 64
"""How deep a payload may nest; the contract's own limits lie far below."""


def check(violations: Iterator[Violation]) -> None:
    """Raises InvalidArgument when there are any."""
    found = list(violations)
    if found:
        raise InvalidArgument(found)


def of_submit(
    *,
    payload: Mapping[str, Any],
    request_id: str,
    priority: int,
    max_attempts: int,
    labels: Mapping[str, str],
) -> Iterator[Violation]:
    """What is wrong with a submit beside its task, which is the contract's to judge."""
    if not _is_json(payload, DEPTH):
        yield Violation(
            "payload", "NOT_JSON", f"use finite numbers only, nested at most {DEPTH} deep"
        )
    if request_id and not REQUEST_ID.fullmatch(request_id):
        yield Violation("request_id", "BAD_TEXT", "use at most 128 of A-Z a-z 0-9 . _ : / -")
    if abs(priority) > PRIORITY:
        yield Violation("priority", "OUT_OF_RANGE", f"choose -{PRIORITY} to {PRIORITY}")
    if not 0 <= max_attempts <= MAX_ATTEMPTS:
        yield Violation(
            "max_attempts", "OUT_OF_RANGE", f"choose 1 to {MAX_ATTEMPTS}, or 0 for the default"
        )
    if len(labels) > LABELS:
        yield Violation("labels", "TOO_MANY", f"give at most {LABELS}")
    for key in sorted(labels)[:LABELS]:
        shown = f"labels[{key[:64]!r}]"
        if not LABEL_KEY.fullmatch(key):
            yield Violation(shown, "BAD_TEXT", "use 1 to 64 of a-z 0-9 . _ / - for a key")
        if len(labels[key]) > LABEL_VALUE_CHARACTERS:
            yield Violation(shown, "SIZE", f"use at most {LABEL_VALUE_CHARACTERS} characters")


def of_list(
    *,
    page_size: int,
    states: Sequence[object | None],
    skill: str,
    publish_mode: str,
    text: str,
) -> Iterator[Violation]:
    """What is wrong with the page asked for; a state that is not known is None."""
    if not 0 <= page_size <= PAGE_SIZE:
        yield Violation(
            "page_size", "OUT_OF_RANGE", f"choose 1 to {PAGE_SIZE}, or 0 for the default"
        )
    for position, state in enumerate(states):
        if state is None:
            yield Violation(f"states[{position}]", "UNKNOWN", "name a state a job can be in")
    if skill and not SKILL_ID.fullmatch(skill):
        yield Violation(
            "skill", "BAD_TEXT", "use at most 64 of a-z 0-9 . _ - and begin with a letter or digit"
        )
    if publish_mode and publish_mode not in tuple(PublishMode):
        yield Violation("publish_mode", "UNKNOWN", f"choose {', '.join(PublishMode)}")
    if len(text) > TEXT_CHARACTERS:
        yield Violation("text", "SIZE", f"use at most {TEXT_CHARACTERS} characters")
    elif len(text.split()) > TEXT_WORDS:
        yield Violation("text", "TOO_MANY", f"use at most {TEXT_WORDS} words")


def of_cancel(*, reason: str) -> Iterator[Violation]:
    """What is wrong with a cancel request."""
    if len(reason) > REASON_CHARACTERS:
        yield Violation("reason", "SIZE", f"use at most {REASON_CHARACTERS} characters")


def of_retry(*, from_step: int | None, ended_attempt: int) -> Iterator[Violation]:
    """What is wrong with a request to open a job again, whatever state it is in."""
    if from_step is not None and from_step < 0:
        yield Violation("from_step_index", "OUT_OF_RANGE", "name a step, from 0")
    if ended_attempt < 0:
        yield Violation("ended_attempt", "OUT_OF_RANGE", "name an attempt, from 1, or 0 for any")


def of_watch(
    *, after_sequence: int, output_after: Sequence[tuple[int, int, object | None, int]]
) -> Iterator[Violation]:
    """What is wrong with a place to begin; positions are step, attempt, stream, offset."""
    if after_sequence < 0:
        yield Violation("after_sequence", "OUT_OF_RANGE", "events are numbered from 1")
    for place, (step_index, attempt, stream, offset) in enumerate(output_after):
        name = f"output_after[{place}]"
        if step_index < 0:
            yield Violation(f"{name}.step_index", "OUT_OF_RANGE", "steps are numbered from 0")
        if attempt < 1:
            yield Violation(f"{name}.attempt", "OUT_OF_RANGE", "attempts are numbered from 1")
        if stream is None:
            yield Violation(f"{name}.stream", "REQUIRED", "name one of the two streams")
        if offset < 0:
            yield Violation(f"{name}.offset", "OUT_OF_RANGE", "bytes are numbered from 0")


def of_history(*, length: tuple[int, int] | None, buckets: int) -> Iterator[Violation]:
    """What is wrong with the buckets asked for; a length is seconds and nanoseconds."""
    seconds, nanos = length or (1, 0)
    if nanos or not 1 <= seconds <= BUCKET_SECONDS:
        yield Violation(
            "bucket_length", "OUT_OF_RANGE", "choose a second to a day, in whole seconds"
        )
    if not 0 <= buckets <= BUCKETS:
        yield Violation("buckets", "OUT_OF_RANGE", f"choose 1 to {BUCKETS}, or 0 for the default")


def of_read(*, offset: int) -> Iterator[Violation]:
    """What is wrong with a place to begin in an artifact."""
    if offset < 0:
        yield Violation("offset", "OUT_OF_RANGE", "bytes are numbered from 0")


def _is_json(value: Any, depth: int) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case Mapping():
            return depth > 0 and all(_is_json(one, depth - 1) for one in value.values())
        case list():
            return depth > 0 and all(_is_json(one, depth - 1) for one in value)
        case _:
            return True
