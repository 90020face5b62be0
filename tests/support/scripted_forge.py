"""A forge within the process: it loses answers, shows things late, and keeps to one or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from typing_extensions import override

from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.jobs.forge import (
    Forge,
    ForgeAway,
    ForgeRepository,
    PullRequest,
    PullRequestExists,
    PullState,
    Rights,
    TokenRefused,
    WantedPullRequest,
)
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location
from services.orchestrator.source.slug import Slug
from tests.support.repositories import git

Trouble = Callable[[Callable[[], PullRequest]], PullRequest]
"""Gets the request as something to carry out or not."""


def unanswered(carry_out: Callable[[], PullRequest]) -> PullRequest:
    carry_out()
    raise ForgeAway("scripted to lose the answer")


def undone(carry_out: Callable[[], PullRequest]) -> PullRequest:
    raise ForgeAway("scripted to be away")


@dataclass
class ScriptedForge(Forge):
    """One repository's pull requests, with what its callers are to meet."""

    origin: Path
    pulls: list[PullRequest] = field(default_factory=list)
    bodies: dict[int, str] = field(default_factory=dict)
    unique: bool = True
    late_looks: int = 0
    """So many look-ups do not show a new pull request yet."""
    troubles: list[Trouble] = field(default_factory=list)
    """One for each request to open, in order."""
    look_troubles: list[Exception | None] = field(default_factory=list)
    """One for each look-up, in order; None for one that is answered."""
    report_troubles: list[Exception] = field(default_factory=list)
    label_troubles: list[Exception] = field(default_factory=list)
    labels: dict[int, list[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Tokens that it does not take."""
    tokens: list[str] = field(default_factory=lambda: ["token-1"])
    """The deployment's, the last one in force; a fresh one is asked for by `OneKey`."""
    fresh: list[str] = field(default_factory=list)
    renewal_troubles: list[Exception] = field(default_factory=list)
    """Met by who asks for a fresh token."""
    holders: set[str] = field(default_factory=set)
    """Those that tokens were asked for by."""
    released: list[str] = field(default_factory=list)
    """Holders whose keys were given back."""
    asked: list[str] = field(default_factory=list)
    _unseen: dict[int, int] = field(default_factory=dict)

    @override
    def repository(self, owner: str, name: str, token: str) -> ForgeRepository:
        return _Repository(self, token)

    @override
    async def rights(self, token: str) -> Rights:
        return await _Repository(self, token).rights()

    def add(
        self, wanted: WantedPullRequest, *, foreign: bool = False, late: int = 0
    ) -> PullRequest:
        """Opens one, whoever asked."""
        number = len(self.pulls) + 1
        one = PullRequest(
            number=number,
            url=f"https://forge.example/o/r/pull/{number}",
            state=PullState.OPEN,
            draft=wanted.draft,
            head_branch=wanted.head_branch,
            head_commit=git(self.origin, "rev-parse", wanted.head_branch),
            base_branch=wanted.base_branch,
            foreign=foreign,
            marked=False,
        )
        self.pulls.append(one)
        self.bodies[number] = wanted.body
        self._unseen[number] = late
        return one

    def become(self, number: int, state: PullState) -> None:
        """A person closes or merges one."""
        self.pulls[number - 1] = replace(self.pulls[number - 1], state=state)

    def look(self, head_branch: str, marker: str) -> Sequence[PullRequest]:
        """What a look-up shows now."""
        shown = []
        for one in self.pulls:
            marked = marker in self.bodies[one.number]
            if one.head_branch != head_branch and not marked:
                continue
            if self._unseen[one.number] > 0:
                self._unseen[one.number] -= 1
                continue
            shown.append(replace(one, marked=marked))
        return shown

    def open(self, wanted: WantedPullRequest) -> PullRequest:
        """Opens one as the forge's own rules allow."""
        there = [one for one in self.pulls if one.state is PullState.OPEN and not one.foreign]
        same = (wanted.head_branch, wanted.base_branch)
        if self.unique and any((one.head_branch, one.base_branch) == same for one in there):
            raise PullRequestExists
        return self.add(wanted, late=self.late_looks)


@dataclass
class _Repository(ForgeRepository):
    forge: ScriptedForge
    token: str

    def _ask(self, what: str) -> None:
        self.forge.asked.append(what)
        if self.token in self.forge.refused:
            raise TokenRefused("bad credentials")

    @override
    async def default_branch(self) -> str:
        self._ask("default_branch")
        return "main"

    @override
    async def pull_requests(self, *, head_branch: str, marker: str) -> Sequence[PullRequest]:
        self._ask("look")
        if self.forge.look_troubles and (trouble := self.forge.look_troubles.pop(0)):
            raise trouble
        return self.forge.look(head_branch, marker)

    @override
    async def open(self, wanted: WantedPullRequest) -> PullRequest:
        self._ask("open")
        if self.forge.troubles:
            return self.forge.troubles.pop(0)(lambda: self.forge.open(wanted))
        return self.forge.open(wanted)

    @override
    async def label(self, number: int, labels: Sequence[str]) -> None:
        self._ask("label")
        if self.forge.label_troubles:
            raise self.forge.label_troubles.pop(0)
        known = self.forge.labels.setdefault(number, [])
        known += [label for label in labels if label not in known]

    @override
    async def report_duplicate(self, number: int, *, of: int, close: bool) -> None:
        self._ask(f"report {number} of {of}")
        if self.forge.report_troubles:
            raise self.forge.report_troubles.pop(0)
        if close:
            self.forge.become(number, PullState.CLOSED)

    @override
    async def rights(self) -> Rights:
        self._ask("rights")
        return Rights(push=True, scopes=None, clock=None)


@dataclass(frozen=True, slots=True)
class OneKey(Keys):
    """Gives the forge's newest token; asked for a fresh one, the next."""

    forge: ScriptedForge

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        self.forge.holders.add(refs.holder)
        if fresh and self.forge.renewal_troubles:
            raise self.forge.renewal_troubles.pop(0)
        if fresh and self.forge.fresh:
            self.forge.tokens.append(self.forge.fresh.pop(0))
        return Token(self.forge.tokens[-1])

    @override
    def release(self, holder: str) -> None:
        self.forge.released.append(holder)

    @override
    def known(self) -> Sequence[str]:
        return self.forge.tokens


class ScriptedAccess(ForgeAccess):
    """Takes every repository for the forge's."""

    @override
    def slug(self, location: Location) -> Slug:
        return Slug("owner", "name")
