"""The Keys port: which token a job may use, to read its repository or to publish to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Protocol

from services.orchestrator.source.location import Location


class Purpose(StrEnum):
    """What a token is asked for; where the two differ, each can do no more than its own."""

    READ = auto()
    """To fetch, as the job is prepared."""
    PUBLISH = auto()
    """To push and to open a pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRefs:
    """The references to secrets that a task names, ``vault://mount/path#field``."""

    repo: str | None = None
    publish: str | None = None

    def of(self, purpose: Purpose) -> str | None:
        """The one that counts: publishing falls back to what reads the repository."""
        return self.repo if purpose is Purpose.READ else self.publish or self.repo


@dataclass(frozen=True, slots=True)
class Token:
    """A token; its value is in no text made of it."""

    value: str = field(repr=False)


class Keys(Protocol):
    """Where tokens come from: a file, an app of the forge, a vault."""

    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The token for `location`; None where there is none for it, as for ssh or a public host.

        `fresh` asks for another than the last one, which was refused, where there can be another.
        Raises `JobFailed` with REPO_AUTH or, to publish, PUBLISH_AUTH.
        """

    def known(self) -> Sequence[str]:
        """Every value given out lately, and those the deployment has: nothing may repeat them."""
