"""Whether the fleet can take a job now and, if it cannot, for want of what."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.orchestrator.jobs.claim import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one runner would take now."""

    runner_id: str
    capabilities: frozenset[str]
    """Its own, without what the orchestrator adds."""
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
    """Nobody would take the job."""

    capabilities: tuple[str, ...] = ()
    """What the runner that comes closest lacks, in the job's order."""
    room: bool = False
    """All there is to it is that no runner that fits has a free slot."""


def eligible(candidate: Candidate, offers: Offers) -> Eligible | Missing:
    """Who would take the job.

    The runner that holds the job's workspace takes it even when it is full or leaving:
    the workspace has its slot already.
    """
    for offer in offers.runners:
        if candidate.runner_id and offer.runner_id == candidate.runner_id and offer.reachable:
            return Eligible((offer.runner_id,))
    lacking = missing_capabilities(candidate.capabilities, offers)
    if lacking:
        return Missing(capabilities=lacking)
    needed = set(candidate.capabilities) - offers.own
    fitting = [offer for offer in offers.runners if offer.open and needed <= offer.capabilities]
    roomy = [offer for offer in fitting if offer.free_slots > 0]
    if not roomy:
        return Missing(room=bool(fitting))
    roomy.sort(key=lambda offer: (-offer.free_slots, offer.runner_id))
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
