"""How the fake forge answers: faithfully, or in one of the ways real forges fail."""

import random
import threading
from collections.abc import Mapping
from enum import StrEnum, auto


class Operation(StrEnum):
    """What a request asks for."""

    REPOSITORY = auto()
    LIST = auto()
    SEARCH = auto()
    PULL = auto()
    OPEN = auto()
    CLOSE = auto()
    LABEL = auto()
    COMMENTS = auto()
    COMMENT = auto()


class Manner(StrEnum):
    """One way to answer; those but FAITHFUL and DONE_UNANSWERED do nothing of what was asked."""

    FAITHFUL = auto()
    DONE_UNANSWERED = auto()
    """The work is done, and the connection ends without an answer."""
    LOST = auto()
    """Nothing is done, and the connection ends without an answer."""
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    INVALID = auto()
    RATE_LIMITED = auto()
    """429 with Retry-After."""
    SECONDARY_LIMIT = auto()
    """403 with Retry-After, as GitHub says that callers came too thick."""
    SERVER_ERROR = auto()
    HTML = auto()
    """502 with a page for people."""
    HUGE = auto()
    """A body of a gigabyte, written until the caller leaves."""
    REDIRECT = auto()
    """302 to another host."""


class Manners:
    """Which manner the next request meets: fixed per operation, or drawn from a seeded chance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fixed: dict[Operation, Manner] = {}
        self._chance: random.Random | None = None
        self._weights: dict[Manner, float] = {}

    def set(self, operation: Operation, manner: Manner) -> None:
        """From now on `operation` is answered so."""
        with self._lock:
            self._fixed[operation] = manner

    def draw(self, seed: int, weights: Mapping[Manner, float]) -> None:
        """From now on operations without a fixed manner meet one by chance, by `weights`."""
        with self._lock:
            self._chance = random.Random(seed)
            self._weights = dict(weights)

    def of(self, operation: Operation) -> Manner:
        """The manner that one request for `operation` meets."""
        with self._lock:
            if operation in self._fixed:
                return self._fixed[operation]
            if self._chance is None:
                return Manner.FAITHFUL
            return self._chance.choices(list(self._weights), list(self._weights.values()))[0]
