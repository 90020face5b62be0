"""Whether a job would be claimed now and, if it would not, for want of what."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.runners import KnownRunner


class Obstacle(StrEnum):
    """Why a runner does not take a job, in the order in which it is asked about them."""

    UNREACHABLE = auto()
    DRAINING = auto()
    RUNTIME_UNAVAILABLE = auto()
    CAPABILITY_MISSING = auto()
    NO_FREE_SLOT = auto()


class Hold(StrEnum):
    """Why a job is not claimed."""

    NOT_CLAIMABLE = auto()
    """It has ended, has an owner, or has to wait."""
    REPOSITORY_FULL = auto()
    NO_TAKER = auto()
    """No runner takes it."""
    DRIVEN_HERE = auto()
    """A driver of this process has not let go of it."""
    PROCESS_FULL = auto()
    """This process drives as many jobs as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one runner would take now."""

    runner_id: str
    """Empty before it was ever heard from."""
    capabilities: frozenset[str]
    """Its own, without what the orchestrator adds."""
    free_slots: int
    draining: bool
    reachable: bool
    target: str = ""
    lame: tuple[tuple[str, str], ...] = ()
    """Runtimes it cannot run, each with the reason its card gives."""

    @property
    def open(self) -> bool:
        """It answers and takes new work, once it has room."""
        return self.reachable and not self.draining


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What the fleet would take now."""

    runners: tuple[Offer, ...]
    own: frozenset[str]
    """What the orchestrator adds to every runner's capabilities, such as `git`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the process that would claim has on its hands."""

    driving: Collection[JobId] = ()
    max_jobs: int
    per_repository: int = 0
    """How many jobs of one repository may run; 0 for any number."""

    @property
    def full(self) -> bool:
        """It drives as many jobs as it may."""
        return len(self.driving) >= self.max_jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What became of asking one runner."""

    offer: Offer
    obstacle: Obstacle | None = None
    """The first thing in the way; None where it would take the job."""
    missing: tuple[str, ...] = ()
    """Capabilities it lacks, in the job's order."""
    why: str = ""
    """What the runtime's card says, where that is what is in the way."""

    @property
    def nearness(self) -> tuple[int, int]:
        """The more, the less is in the way."""
        order = list(Obstacle)
        passed = len(order) if self.obstacle is None else order.index(self.obstacle)
        return passed, -len(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a claim of the job would be made, and what was found out on the way."""

    holds: tuple[Hold, ...]
    """Empty where it would."""
    looks: tuple[Look, ...]
    """One for each runner, in the order of the offers."""
    housed: bool
    """It takes no slot: its workspace has one already, or it needs no workspace any more."""

    @property
    def nearest(self) -> Look | None:
        """The runner that takes the job, or is closest to taking it."""
        return max(self.looks, key=lambda look: look.nearness, default=None)


def judge(candidate: Candidate, offers: Offers, process: Process) -> Verdict:
    """Whether the job would be claimed: what decides claims, and what explains them.

    A job that was RUNNING is claimed whatever the fleet offers: its workspace has a slot
    already, or it goes back to the queue for want of one, or ends; and only an owner can
    tell it of a cancel request or of its deadline. So is one that only publishes: the orchestrator
    does that alone.
    """
    looks = tuple(look_at(candidate, offer, offers.own) for offer in offers.runners)
    queued = candidate.state is JobState.QUEUED
    holds = []
    if not candidate.claimable:
        holds.append(Hold.NOT_CLAIMABLE)
    if queued and candidate.room is not None and candidate.room <= 0:
        holds.append(Hold.REPOSITORY_FULL)
    if queued and not candidate.publishing and all(one.obstacle is not None for one in looks):
        holds.append(Hold.NO_TAKER)
    if candidate.job_id in process.driving:
        holds.append(Hold.DRIVEN_HERE)
    if process.full:
        holds.append(Hold.PROCESS_FULL)
    housed = candidate.publishing or (not queued and bool(candidate.runner_id))
    return Verdict(holds=tuple(holds), looks=looks, housed=housed)


def offering(capability: str, offers: Offers) -> int:
    """How many runners would take a job, once they have room, that requires nothing else."""
    return sum(one.open and not _missing((capability,), one, offers.own) for one in offers.runners)


def look_at(candidate: Candidate, offer: Offer, own: frozenset[str]) -> Look:
    """The first thing that keeps one runner from taking the job."""
    if not offer.reachable:
        return Look(offer=offer, obstacle=Obstacle.UNREACHABLE)
    if offer.draining:
        return Look(offer=offer, obstacle=Obstacle.DRAINING)
    missing = _missing(candidate.capabilities, offer, own)
    if missing:
        lame = dict(offer.lame)
        why = [f"{name}: {lame[name]}" for name in missing if name in lame]
        obstacle = Obstacle.RUNTIME_UNAVAILABLE if why else Obstacle.CAPABILITY_MISSING
        return Look(offer=offer, obstacle=obstacle, missing=missing, why="; ".join(why))
    if offer.free_slots <= 0:
        return Look(offer=offer, obstacle=Obstacle.NO_FREE_SLOT)
    return Look(offer=offer)


def offer_of(known: KnownRunner) -> Offer:
    """What a runner offers, by what was last heard from it."""
    said = known.description
    return Offer(
        runner_id=said.runner_id if said else "",
        capabilities=frozenset(said.capabilities if said else ()),
        free_slots=known.free_slots,
        draining=bool(said and said.draining),
        reachable=known.reachable and said is not None,
        target=known.target,
        lame=tuple((card.name, card.reason) for card in said.runtimes if not card.available)
        if said
        else (),
    )


def missing_capabilities(required: Sequence[str], offers: Offers) -> tuple[str, ...]:
    """What the open runner that comes closest lacks, in the order given; often nothing.

    Without any open runner that is everything the orchestrator does not add itself.
    """
    lacks = [_missing(required, offer, offers.own) for offer in offers.runners if offer.open]
    if not lacks:
        return tuple(name for name in required if name not in offers.own)
    return min(lacks, key=len)


def _missing(required: Sequence[str], offer: Offer, own: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in required if name not in offer.capabilities | own)
