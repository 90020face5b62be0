"""The proof that nothing of a stopped job runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

NAMED = 20
"""Signals and processes that an event names, each; the artifact has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done to stop a run and what was left of it; empty where nothing ran."""

    signals: tuple[dict[str, Any], ...] = ()
    before: tuple[dict[str, Any], ...] = ()
    survivors: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    presumed: str = ""
    """Why the run is known to have ended although its runner could not be asked; else empty."""


def document(
    receipt: Receipt, *, job_id: str, run_id: str, by: str, time: datetime | None, reason: str
) -> dict[str, Any]:
    """What `receipts/cancel.json` holds. An empty `run_id` says that no step was running."""
    return {
        "jobId": job_id,
        "runId": run_id,
        "requestedBy": by,
        "requestedAt": time.isoformat() if time else "",
        "reason": reason,
        **asdict(receipt),
    }


def told(receipt: Receipt) -> Mapping[str, Any]:
    """The receipt as events carry it."""
    facts = asdict(receipt)
    return {
        name: list(value[:NAMED]) if isinstance(value, tuple) else value
        for name, value in facts.items()
    }
