"""The push of one exact commit to one branch of origin."""

from collections.abc import Callable
from dataclasses import dataclass

from services.orchestrator.source.mirror import Mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The branch is at the commit."""

    branch: str
    commit: str
    already: bool
    """It was there before this call: an earlier push whose answer was lost."""


async def push(
    mirror: Mirror,
    *,
    commit: str,
    branch: str,
    expected: str | None,
    proceed: Callable[[], None] = lambda: None,
) -> Pushed:
    """Moves `branch` of origin from `expected` (None: it must not exist) to `commit`.

    Never forced: `expected` must be an ancestor of `commit`. `proceed` is called right before
    each try; what it raises stops the push (the lease rule goes there). Repeating the call
    after success succeeds. Raises `JobFailed` with PUBLISH_CONFLICT (the branch is elsewhere;
    names its commit), PUBLISH_AUTH, PUBLISH_REJECTED (with the remote's words),
    PUBLISH_UNAVAILABLE (after its tries).
    """
    raise NotImplementedError
