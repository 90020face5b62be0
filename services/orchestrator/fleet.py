"""The runners this orchestrator knows, and what they offer now."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from services.orchestrator.drive.ports import Runner, RunnerUnreachable
from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.eligibility import Offer, Offers, look_at, offer_of
from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.runners import KnownRunner, RunnerDescription
from services.orchestrator.remote.runner import SILENCE, RemoteRunner, runner_at

logger = structlog.get_logger(__name__)

OWN_CAPABILITIES = frozenset({"git"})
"""What the orchestrator itself adds to every runner's, whatever else it can do."""


@dataclass(slots=True)
class Member:
    """One address of the fleet and what was last heard from it."""

    runner: RemoteRunner
    reachable: bool = False
    reserved: int = 0
    """Slots that are promised to jobs whose workspaces the runner may not hold yet."""
    freed: int = 0
    """Those of them that are taken back as soon as the runner says what it holds now."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def described(self) -> RunnerDescription | None:
        """What the runner said of itself."""
        return self.runner.description

    @property
    def free_slots(self) -> int:
        """Slots that may still be promised."""
        return max(0, self.described.free_slots - self.reserved) if self.described else 0

    def offer(self) -> Offer:
        """What the runner offers; nothing before it was ever heard."""
        return offer_of(self.known())

    def known(self) -> KnownRunner:
        """What there is to know of it."""
        return KnownRunner(
            target=self.runner.target,
            reachable=self.reachable,
            description=self.described,
            free_slots=self.free_slots,
        )


class RunnerFleet:
    """All runners behind the configured targets; described again and again."""

    def __init__(
        self,
        on_change: Callable[[], None] = lambda: None,
        *,
        own: frozenset[str] = OWN_CAPABILITIES,
        silence: timedelta = SILENCE,
    ) -> None:
        self._members: dict[str, Member] = {}
        self._on_change = on_change
        self._own = own
        """What the orchestrator adds to every runner's capabilities."""
        self._silence = silence
        """How long a run's stream may say nothing."""

    def when_changed(self, callback: Callable[[], None]) -> None:
        """Calls back when a runner offers something it did not offer before."""
        self._on_change = callback

    @property
    def members(self) -> Sequence[Member]:
        """By target."""
        return [self._members[target] for target in sorted(self._members)]

    def offers(self) -> Offers:
        """What the runners offer, by target, with what is added to it here."""
        return Offers(
            runners=tuple(member.offer() for member in self.members),
            own=self._own,
        )

    def runners(self) -> Sequence[KnownRunner]:
        """Every address there is, by target, with what was last heard from it."""
        return [member.known() for member in self.members]

    def find(self, runner_id: str) -> Runner | None:
        """The runner with this id, reachable or not, once it was heard of."""
        here = [one for one in self.members if runner_id and one.runner.runner_id == runner_id]
        # One that has moved is known by its old address, too, until names are resolved again.
        here.sort(key=lambda member: not member.reachable)
        return here[0].runner if here else None

    def reserve(self, capabilities: Sequence[str]) -> Runner | None:
        """The fitting runner with most free slots, one of which is promised by this."""
        unhoused = Candidate(
            job_id=JobId(""),
            state=JobState.QUEUED,
            capabilities=tuple(capabilities),
            runner_id="",
        )
        fitting = [
            one
            for one in self.members
            if look_at(unhoused, one.offer(), self._own).obstacle is None
        ]
        if not fitting:
            return None
        chosen = max(fitting, key=lambda member: member.free_slots)
        chosen.reserved += 1
        return chosen.runner

    def roomy(self) -> bool:
        """Whether any runner would take a workspace now."""
        return any(offer.open and offer.free_slots > 0 for offer in self.offers().runners)

    def free(self, runner: Runner) -> None:
        """Takes a promise back once the runner has said how many slots it has now.

        What it said before may not count the workspace that the slot was promised to.
        """
        for member in self._members.values():
            if member.runner is runner:
                member.freed += 1
                member.woken.set()

    def held(self) -> Sequence[tuple[Runner, str]]:
        """Every workspace that a reachable runner held when it was last asked, by its id."""
        return [
            (member.runner, workspace_id)
            for member in self.members
            if member.reachable and member.described is not None
            for workspace_id in member.described.workspace_ids
        ]

    async def watch(self, target: str, poll: timedelta) -> None:
        """Keeps one address described until it is cancelled."""
        async with runner_at(target, silence=self._silence) as runner:
            member = self._members[target] = Member(runner)
            try:
                while True:
                    member.woken.clear()
                    await self._describe(member)
                    try:
                        async with asyncio.timeout(poll.total_seconds()):
                            await member.woken.wait()
                    except TimeoutError:
                        pass
            finally:
                del self._members[target]

    async def _describe(self, member: Member) -> None:
        before, offered, freed = member.offer(), member.reachable, member.freed
        try:
            await member.runner.describe()
        except RunnerUnreachable as error:
            member.reachable = False
            if offered:
                logger.warning("runner_lost", target=member.runner.target, why=str(error))
            return
        member.reachable = True
        member.reserved -= freed
        member.freed -= freed
        if not offered:
            logger.info(
                "runner_found", target=member.runner.target, runner_id=member.runner.runner_id
            )
        if member.offer() != before:
            self._on_change()


async def addresses(target: str) -> list[str]:
    """Every address behind ``host:port``, so that a scaled service is a fleet.

    Empty when the name cannot be resolved now.
    """
    host, _, port = target.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except OSError:
        return []
    hosts = dict.fromkeys(entry[4][0] for entry in found if entry[0] == socket.AF_INET)
    return [f"{address}:{port}" for address in hosts] or [target]


@asynccontextmanager
async def watching(
    fleet: RunnerFleet, targets: Sequence[str], *, poll: timedelta
) -> AsyncIterator[None]:
    """Watches the runners behind `targets` for the length of the block.

    Names are resolved again at every poll: a restarted container has a new address.
    """
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        following = tasks.create_task(_follow_names(fleet, targets, poll, tasks), name="fleet")
        try:
            yield
        finally:
            following.cancel()


async def _follow_names(
    fleet: RunnerFleet, targets: Sequence[str], poll: timedelta, tasks: asyncio.TaskGroup
) -> None:
    watches: dict[str, asyncio.Task[None]] = {}
    known: dict[str, list[str]] = {}
    try:
        while True:
            for target in targets:
                # A name that cannot be resolved for a moment loses nobody.
                known[target] = await addresses(target) or known.get(target) or [target]
            wanted = {one for found in known.values() for one in found}
            for target in wanted - watches.keys():
                watches[target] = tasks.create_task(fleet.watch(target, poll), name=target)
            for target in watches.keys() - wanted:
                watches.pop(target).cancel()
            await asyncio.sleep(poll.total_seconds())
    finally:
        for watch in watches.values():
            watch.cancel()
