"""What a supervisor works with, put together by whoever starts it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from services.runner.epochs import Epochs
from services.runner.holding import Keepers, Patience
from services.runner.places import Places
from services.runner.runtimes.card import Card
from services.runner.runtimes.runtime import Runtime


class Cards(Protocol):
    """Who knows which runtimes can be used here."""

    async def probe(self, runtime: Runtime) -> Card:
        """Returns the card of `runtime`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """Everything a supervisor asks others for."""

    keepers: Keepers
    runtimes: Mapping[str, Runtime]
    cards: Cards
    places: Places
    epochs: Epochs
    patience: Patience = field(default_factory=Patience)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
