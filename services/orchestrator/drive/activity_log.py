"""What the agent of one attempt did, held until its step has ended and its artifact is made.

It is held in memory, packed: an owner that dies loses it, and the next one is told all of it
again by the runner, from the first activity on. See docs/decisions/activity-log.md.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.job import Usage

MOST_BYTES = 2 * 1024 * 1024
"""Packed, of one attempt; texts of agents take about a fifth of their size."""
CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class ActivityLog:
    """The activity of the attempt that runs, a JSON object a line; begins anew with each."""

    most_bytes: int = MOST_BYTES
    _of: tuple[int, int] = (-1, -1)
    """The step and attempt."""
    _next: int = 0
    _packed: bytearray = field(default_factory=bytearray)
    _packer: Any = field(default_factory=lambda: zlib.compressobj(level=1))
    _left_out: int = 0

    def take(self, activity: Activity) -> None:
        """Adds what comes next; what is told again is passed over."""
        of = (activity.step_index, activity.attempt)
        if of != self._of:
            self._begin(of)
        if activity.index < self._next:
            return
        self._next = activity.index + 1
        if len(self._packed) >= self.most_bytes:
            self._left_out += 1
            return
        self._packed += self._packer.compress(_line(_told(activity)))

    def of(self, step_index: int, attempt: int) -> Iterator[bytes]:
        """The lines of an attempt, in parts of any size; none where this owner was told nothing.

        The last line says how many were left out, if any were.
        """
        if self._of != (step_index, attempt):
            return
        unpacker = zlib.decompressobj()
        rest = bytes(self._packed + self._packer.copy().flush())
        while rest:
            yield unpacker.decompress(rest, CHUNK_BYTES)
            rest = unpacker.unconsumed_tail
        yield unpacker.flush()
        if self._left_out:
            yield _line(
                {
                    "index": self._next - 1,
                    "kind": "notice",
                    "text": f"{self._left_out} more are left out here; the step's log has them",
                }
            )

    def _begin(self, of: tuple[int, int]) -> None:
        self._of, self._next, self._left_out = of, 0, 0
        self._packed.clear()
        self._packer = zlib.compressobj(level=1)


def _told(activity: Activity) -> dict[str, Any]:
    """Named as in the API's `Activity`, without what is empty."""
    told = {
        "index": activity.index,
        "createTime": _iso(activity.create_time),
        "kind": activity.kind.value,
        "text": activity.text,
        "path": activity.path,
        "usage": _usage(activity.usage),
        "errorClass": activity.error_class,
        "resetTime": _iso(activity.reset_time),
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    told = {
        "inputTokens": usage.input_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "costUsd": usage.cost_usd,
    }
    return {name: value for name, value in told.items() if value is not None}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
