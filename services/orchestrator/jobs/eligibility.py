"""Whether the fleet can take a job now and, if it cannot, for want of what."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.orchestrator.jobs.store import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one runner would take now."""

    runner_id: str
    capabilities: frozenset[str]
    """Its own; what the orchestrator adds is in `Offers`."""
    free_slots: int
    draining: bool
    reachable: bool

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


@dataclass(frozen=True, slots=True)
class Eligible:
    """These runners would take the job, the one with the most room first."""

    runner_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Nobody would take the job; exactly one of these is the case."""

    capabilities: tuple[str, ...] = ()
    """What the runner that comes closest lacks, in the job's order."""
    room: bool = False
    """A runner fits, but has no free slot."""
    holder: str = ""
    """The runner that holds the job's workspace, which does not answer."""


def eligible(candidate: Candidate, offers: Offers) -> Eligible | Missing:
    """Who would take the job.

    A job whose run may still be alive is only ever taken on where its workspace is,
    or once that runner has been away for so long that the driver may rebuild it; it
    holds its slot already.
    """
    for offer in offers.runners:
        if candidate.runner_id and offer.runner_id == candidate.runner_id and offer.reachable:
            return Eligible((offer.runner_id,))
    lacking = missing_capabilities(candidate.capabilities, offers)
    if lacking:
        return Missing(capabilities=lacking)
    fitting = [offer for offer in offers.runners if offer.open and _fits(candidate, offer, offers)]
    roomy = sorted(
        (offer for offer in fitting if offer.free_slots > 0),
        key=lambda offer: (-offer.free_slots, offer.runner_id),
    )
    if not roomy:
        return Missing(room=True)
    return Eligible(tuple(offer.runner_id for offer in roomy))


def missing_capabilities(required: Sequence[str], offers: Offers) -> tuple[str, ...]:
    """What the open runner that comes closest lacks, in the order given; often nothing.

    Without any open runner that is everything the orchestrator does not add itself.
    """
    lacks = [
        tuple(name for name in required if name not in offer.capabilities | offers.own)
        for offer in offers.runners
        if offer.open
    ]
    if not lacks:
        return tuple(name for name in required if name not in offers.own)
    return min(lacks, key=len)


def _fits(candidate: Candidate, offer: Offer, offers: Offers) -> bool:
    return offer.capabilities | offers.own >= set(candidate.capabilities)
