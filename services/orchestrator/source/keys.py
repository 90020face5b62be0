"""The Keys port: which token a job may use, to read its repository or to publish to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
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
    """For whom a token is asked for, with what the task names, ``vault://mount/path#field``."""

    repo: str | None = None
    publish: str | None = None
    holder: str = field(default="", compare=False)
    """The claim it is for, ``<job id>/<epoch>``: what is made for one is given back by `release`.

    Empty for what is nobody's own. It says nothing of what may be read, so it is not compared.
    """

    def of(self, purpose: Purpose) -> str | None:
        """The one that counts: publishing falls back to what reads the repository."""
        return self.repo if purpose is Purpose.READ else self.publish or self.repo


NO_REFS = AuthRefs()


@dataclass(frozen=True, slots=True)
class Token:
    """A token; its value is in no text made of it."""

    value: str = field(repr=False)


class KeyAway(Exception):
    """Where the key comes from does not answer now; the text is fit for people.

    `retry_after` is what it asked callers to wait, None where it asked for nothing.
    """

    def __init__(self, words: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.retry_after = retry_after


class Keys(Protocol):
    """Where tokens come from: a file, an app of the forge, a vault."""

    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The token for `location`; None where there is none for it, as for ssh or a public host.

        `fresh` asks for another than the last one, which was refused, where there can be another.
        Raises KeyAway, and `JobFailed` with REPO_AUTH or, to publish, PUBLISH_AUTH.
        """

    def offers(self, location: Location, refs: AuthRefs, purpose: Purpose) -> bool:
        """Whether there is a key, as far as the settings tell without asking anybody.

        Raises `JobFailed` as `token` does for a reference that can lead nowhere.
        """
        return True

    def release(self, holder: str) -> None:
        """Gives back what was made for `holder` alone, which needs it no more; at once."""
        return  # Where nothing is made for anybody, there is nothing to give back.

    def known(self) -> Sequence[str]:
        """Every value given out lately, and those the deployment has: nothing may repeat them.

        Raises `JobFailed` with REPO_AUTH where a configured one cannot be read.
        """
