"""What a protocol hands to the server: one HTTP response, and how long to think before it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One response. `parts` are written one by one, after the headers and `pause` seconds."""

    parts: tuple[bytes, ...]
    status: int = 200
    content_type: str = "application/json"
    pause: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(
    body: Body, *, status: int = 200, pause: float = 0.0, retry_after: str = ""
) -> Answer:
    """One JSON document."""
    headers = {"retry-after": retry_after} if retry_after else {}
    return Answer((json.dumps(body).encode(),), status=status, pause=pause, headers=headers)


def event_answer(events: list[Body], *, named: bool, pause: float = 0.0) -> Answer:
    """A stream of server-sent events, `named` by their `type` where the protocol does so."""
    parts = (
        (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    )
    return Answer(
        tuple(part.encode() for part in parts), content_type="text/event-stream", pause=pause
    )
