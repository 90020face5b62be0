"""The Forge port: what publishing asks of the place where pull requests are opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Protocol

from services.orchestrator.jobs.failures import JobFailed


class PullState(StrEnum):
    """What people have done with a pull request."""

    OPEN = auto()
    CLOSED = auto()
    MERGED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as the forge tells of it."""

    number: int
    url: str
    """For a person's browser: http or https, on the forge's own host."""
    state: PullState
    draft: bool
    head_branch: str
    head_commit: str
    base_branch: str
    foreign: bool
    """Its branch lies in another repository: anybody may have opened it, with any text."""
    marked: bool
    """Its text holds the marker that was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPullRequest:
    """What a job's pull request is to say; frozen with the intent to publish."""

    head_branch: str
    base_branch: str
    title: str
    body: str
    """Markdown; ends in the line that holds the marker."""
    draft: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a token may do, with a repository where one was asked for; None is not told."""

    push: bool | None
    scopes: tuple[str, ...] | None
    clock: datetime | None
    """The forge's own time as it answered."""


class ForgeAway(Exception):
    """No answer, or one that tells nothing: what was asked for may or may not have been done.

    `retry_after` is what the forge asked callers to wait, None where it asked for nothing.
    """

    def __init__(self, words: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.retry_after = retry_after


class PullRequestExists(Exception):
    """The forge has an open pull request of this branch into this base, and keeps to one."""


class TokenRefused(Exception):
    """The forge does not take the token; a fresh one may do. The text is fit for people."""


class AskedTooSoon(JobFailed):
    """A refusal that may come of news not having spread within the forge yet.

    A branch that was pushed or a token that was made a moment ago looks like none to some of its
    servers. Asked again after seconds, it is as final as any other.
    """


class ForgeRepository(Protocol):
    """One repository of a forge, reached with one token.

    Every call may raise ForgeAway, TokenRefused and AskedTooSoon, and `JobFailed` with
    PUBLISH_REJECTED for what asking again cannot change. No text raised holds the token.
    """

    async def default_branch(self) -> str:
        """The name of the branch that pull requests go to by default."""

    async def pull_requests(self, *, head_branch: str, marker: str) -> Sequence[PullRequest]:
        """Those of `head_branch` and those whose text holds `marker`, whatever their state.

        Each once, the lowest number first. Only a whole answer is returned: where a part of the
        look-up fails, the call raises.
        """

    async def open(self, wanted: WantedPullRequest) -> PullRequest:
        """Opens a pull request, without its labels. Raises PullRequestExists."""

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Adds labels; those it has already stay."""

    async def report_duplicate(self, number: int, *, of: int, close: bool) -> None:
        """Says in a comment that `number` repeats `of`, once, and closes it if asked to."""

    async def rights(self) -> Rights:
        """What the token may do here, as far as the forge tells."""


class ForgeApp(Protocol):
    """What makes tokens at a forge."""

    async def rights(self) -> Rights:
        """What its tokens may get at most, as scopes such as ``contents:write``.

        Raises ForgeAway, and `JobFailed` where it is no app of the forge's.
        """


class Forge(Protocol):
    """Where pull requests are opened."""

    def repository(self, owner: str, name: str, token: str) -> ForgeRepository:
        """The repository ``owner/name``, reached with `token`; asks nothing yet."""

    async def rights(self, token: str) -> Rights:
        """What `token` may do, whatever the repository. Raises as a repository's calls do."""
