"""The proof that nothing of a stopped job runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

NAMED = 20
"""Signals and processes that an event names, each; the artifact has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done to stop a run and what was left of it; empty where nothing ran."""

    signals: tuple[dict[str, Any], ...] = ()
    """The first of them, as of processes; the counts are of all."""
    signal_count: int = 0
    before: tuple[dict[str, Any], ...] = ()
    """What ran when the stop began."""
    before_count: int = 0
    after: tuple[dict[str, Any], ...] = ()
    """What ran after the last sweep."""
    after_count: int = 0
    survivors: tuple[dict[str, Any], ...] = ()
    """What of that lived still when the runner was asked last."""
    exit_code: int | None = None
    exit_signal: int | None = None
    """How the CLI itself ended, where anybody saw it."""
    seconds: float = 0.0
    presumed: str = ""
    """Why the run is known to have ended although its runner could not be asked; else empty."""


def document(
    receipt: Receipt,
    *,
    job_id: str,
    run_id: str,
    by: str,
    time: datetime | None,
    reason: str,
    saved: Sequence[str] = (),
) -> dict[str, Any]:
    """What `receipts/cancel.json` holds. An empty `run_id` says that no step was running.

    `saved` are the artifacts of what the run had done and said by then.
    """
    return {
        "jobId": job_id,
        "runId": run_id,
        "requestedBy": by,
        "requestedAt": time.isoformat() if time else "",
        "reason": reason,
        **_facts(receipt),
        "saved": list(saved),
    }


def told(receipt: Receipt) -> Mapping[str, Any]:
    """The receipt as events carry it."""
    return {
        name: list(value[:NAMED]) if isinstance(value, tuple) else value
        for name, value in _facts(receipt).items()
    }


def _facts(receipt: Receipt) -> dict[str, Any]:
    return {
        first + "".join(map(str.capitalize, rest)): value
        for (first, *rest), value in ((name.split("_"), v) for name, v in asdict(receipt).items())
    }
