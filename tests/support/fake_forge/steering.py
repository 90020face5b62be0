"""Changes how a running fake forge behaves, as one document of a request asks for."""

from typing import Any

from tests.support.fake_forge.forge import FakeForge
from tests.support.fake_forge.manners import Manner, Operation

KNOWN = {
    *("release", "manners", "draw"),
    *("unique", "staleSeconds", "lateSeconds", "retryAfter"),
}


def steer(forge: FakeForge, told: dict[str, Any]) -> None:
    """Does what a document says; a key that nobody knows is a mistake of the test's.

    `release`: true answers everything faithfully; `manners`: one by operation; `draw`: `seed`
    and `weights` by manner; `unique`, `staleSeconds`: of every repository; `lateSeconds`;
    `retryAfter`.
    """
    unknown = told.keys() - KNOWN
    if unknown:
        raise ValueError(f"the forge cannot be told of {sorted(unknown)}")
    if told.get("release"):
        forge.manners.release()
    for operation, manner in told.get("manners", {}).items():
        forge.manners.set(Operation(operation), Manner(manner))
    if draw := told.get("draw"):
        weights = {Manner(name): float(weight) for name, weight in draw["weights"].items()}
        forge.manners.draw(draw["seed"], weights)
    for repository in forge.repositories.values():
        with repository.lock:
            repository.unique = told.get("unique", repository.unique)
            repository.stale_seconds = told.get("staleSeconds", repository.stale_seconds)
    forge.late_seconds = told.get("lateSeconds", forge.late_seconds)
    forge.retry_after = told.get("retryAfter", forge.retry_after)
