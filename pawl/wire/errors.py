"""Every way a call can be refused, in the words of the domain.

    Refusal
    ├── InvalidArgument      the request can never succeed as written
    ├── Unauthenticated      nobody can tell whose request it is
    ├── PermissionDenied     the caller may not do this
    ├── NotFound             it names something that is not here
    ├── AlreadyExists        the name is taken by something else
    ├── FailedPrecondition   the thing it names is in the wrong state
    ├── Aborted              somebody newer has taken over; the caller must stop
    ├── OutOfRange           it asks for what lies beyond the end
    ├── ResourceExhausted    there is no room now; `retry_after` says when
    ├── DataLoss             what was stored no longer matches its digest
    ├── DeadlineExceeded     no answer came in time
    ├── Unavailable          nobody is there to answer; ask again, or elsewhere
    └── Unexpected           the other side broke; only ever read from the wire

Nothing here knows gRPC: `pawl.wire.status` is where refusals meet the wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one field, such as ``task.steps[1].runtime``."""

    field: str
    reason: str
    description: str


class Refusal(Exception):
    """A refusal the caller is meant to read, and may act upon.

    `reason` is UPPER_SNAKE and stable; `message` is one sentence for a person;
    `metadata` holds facts for machines and nothing secret.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.metadata: dict[str, str] = dict(metadata or {})
        self.violations: tuple[Violation, ...] = ()


class InvalidArgument(Refusal):
    """Names every field that is wrong, all at once.

    `total` counts violations that a status had no room for as well.
    """

    def __init__(
        self,
        violations: Sequence[Violation],
        *,
        reason: str = "REQUEST_INVALID",
        message: str | None = None,
        total: int | None = None,
    ) -> None:
        self.total = len(violations) if total is None else total
        fields = ", ".join(violation.field or "the whole" for violation in violations[:5])
        more = "" if self.total <= 5 else f" and {self.total - 5} more"
        super().__init__(
            reason,
            message or f"these fields are at fault: {fields}{more}",
            metadata={"total": str(self.total)},
        )
        self.violations = tuple(violations)


class Unauthenticated(Refusal):
    """Nobody can tell whose request it is."""


class PermissionDenied(Refusal):
    """The caller may not do this."""


class NotFound(Refusal):
    """The request names something that is not here."""


class AlreadyExists(Refusal):
    """The name is taken by something else."""


class FailedPrecondition(Refusal):
    """The thing it names is in the wrong state."""


class Aborted(Refusal):
    """Somebody newer has taken over; the caller must stop."""


class OutOfRange(Refusal):
    """The request asks for what lies beyond the end."""


class ResourceExhausted(Refusal):
    """There is no room now; `retry_after` says when to ask again."""


class DataLoss(Refusal):
    """What was stored no longer matches its digest."""


class DeadlineExceeded(Refusal):
    """No answer came in time; the work may have been done all the same."""


class Unavailable(Refusal):
    """Nobody is there to answer; ask again, or elsewhere."""


class Unexpected(Refusal):
    """The other side broke, or spoke something this version does not know."""
