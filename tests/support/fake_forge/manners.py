"""How the fake forge answers: faithfully, or in one of the ways real forges fail."""

import random
import threading
from collections.abc import Mapping
from enum import StrEnum, auto


class Operation(StrEnum):
    """What a request asks for."""

    ROOT = auto()
    """What can be asked for at all; any token may."""
    REPOSITORY = auto()
    LIST = auto()
    SEARCH = auto()
    PULL = auto()
    OPEN = auto()
    CLOSE = auto()
    LABEL = auto()
    COMMENTS = auto()
    COMMENT = auto()
    MERGE = auto()
    DELETE_BRANCH = auto()
    ADVERTISE = auto()
    """Git asks which branches there are, before a fetch and before a push."""
    UPLOAD = auto()
    PUSH = auto()
    APP = auto()
    """An app asks what it is."""
    INSTALLATION = auto()
    """An app asks whether it is installed at a repository."""
    MINT = auto()
    """It asks for a token there."""
    REVOKE = auto()
    """A token asks for its own end."""


GIT = frozenset({Operation.ADVERTISE, Operation.UPLOAD, Operation.PUSH})
APPS = frozenset({Operation.APP, Operation.INSTALLATION, Operation.MINT, Operation.REVOKE})
PEOPLES = frozenset({Operation.MERGE, Operation.DELETE_BRANCH})
"""Only people do these."""


class Manner(StrEnum):
    """One way to answer; those that are not in `DOING` do nothing of what was asked."""

    FAITHFUL = auto()
    STALE = auto()
    """Lists and search tell how things were a while ago."""
    SCRIPT_LINK = auto()
    """The work is done, and the link to it that is told is a script."""
    DONE_UNANSWERED = auto()
    """The work is done, and the connection ends without an answer."""
    DONE_LATE = auto()
    """The connection ends without an answer, and what was to be opened is opened much later."""
    LOST = auto()
    """Nothing is done, and the connection ends without an answer."""
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    INVALID = auto()
    UNSEARCHABLE = auto()
    """422, as GitHub answers a search of a repository that it has not indexed."""
    RATE_LIMITED = auto()
    """429 with Retry-After."""
    SECONDARY_LIMIT = auto()
    """403 with Retry-After, as GitHub says that callers came too thick."""
    SERVER_ERROR = auto()
    HTML = auto()
    """502 with a page for people."""
    HUGE = auto()
    """A body of a gigabyte, written until the caller leaves."""
    MOVED = auto()
    """301, as for a repository that was renamed."""
    REDIRECT = auto()
    """302 to another host."""


DOING = frozenset({Manner.FAITHFUL, Manner.STALE, Manner.SCRIPT_LINK, Manner.DONE_UNANSWERED})


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

    def release(self) -> None:
        """From now on everything is answered faithfully."""
        with self._lock:
            self._fixed.clear()
            self._chance = None

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
