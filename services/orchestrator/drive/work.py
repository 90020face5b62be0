"""What the parts of a driver share while they carry one claimed job."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from services.orchestrator.drive.activity_log import ActivityLog
from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.drive.interrupt import Interrupt, LimitHit
from services.orchestrator.drive.lease import Lease
from services.orchestrator.drive.ports import Artifacts, Fleet, Live, Runner
from services.orchestrator.jobs import limits
from services.orchestrator.jobs.claim import Claim, LeaseLost
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.identity import PAWL, Identity
from services.orchestrator.jobs.job import Job, NewEvent, Usage
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.jobs.store import Store
from services.orchestrator.screen.policy import ScreenPolicy
from services.orchestrator.skills import SkillFolder
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import AuthRefs, Keys
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.use import Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things may take; tests scale it down."""

    lease: timedelta = timedelta(seconds=30)
    run_lease: timedelta = timedelta(seconds=90)
    """After this long without a renewal a runner ends a run by itself."""
    run_lease_margin: timedelta = timedelta(seconds=10)
    """What is added before the run is presumed to be dead."""
    reunion: timedelta = timedelta(seconds=15)
    """How long the runner that holds a job's workspace is waited for."""
    survivors: timedelta = timedelta(minutes=10)
    """How long processes that do not go are tried to be ended before a job is given up."""
    stop: timedelta = timedelta(seconds=20)
    """What stopping a run takes at most."""
    drain: timedelta = timedelta(seconds=3)
    """What the rest of a stopped run's output may take."""
    back_off: timedelta = timedelta(seconds=1)
    """Before the first repetition of what failed for the platform's sake; doubles."""
    batch: timedelta = timedelta(milliseconds=25)
    """How long output is gathered before it is stored."""
    request_settles: timedelta = timedelta(seconds=60)
    """After this long a request of the forge's that got no answer has been done or never will."""
    between_looks: timedelta = timedelta(seconds=5)
    """Between two look-ups of what the forge may show late."""
    longest_pause: timedelta = timedelta(seconds=60)
    """Between two tries of a forge that does not answer."""
    least_patience: timedelta = timedelta(minutes=10)
    most_patience: timedelta = timedelta(hours=2)
    """For a forge that does not answer; between the two, the job's own time counts."""
    tidy: timedelta = timedelta(seconds=10)
    """Between two looks for workspaces that are nobody's."""
    scale: float = 1.0
    """What a pause that is computed elsewhere is multiplied by."""

    def scaled(self, scale: float) -> "Pace":
        """The same with every pause and grace that has no setting of its own so much shorter."""
        return replace(
            self,
            run_lease_margin=self.run_lease_margin * scale,
            reunion=self.reunion * scale,
            survivors=self.survivors * scale,
            drain=self.drain * scale,
            back_off=self.back_off * scale,
            request_settles=self.request_settles * scale,
            between_looks=self.between_looks * scale,
            longest_pause=self.longest_pause * scale,
            least_patience=self.least_patience * scale,
            most_patience=self.most_patience * scale,
            tidy=self.tidy * scale,
            scale=self.scale * scale,
        )

    @property
    def presumed_dead(self) -> timedelta:
        """Without contact for this long, a run is known to have ended: its lease, then its stop."""
        return self.run_lease + self.stop + self.run_lease_margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything drivers work with; one for all jobs of a process."""

    store: Store
    artifacts: Artifacts
    mirrors: Mirrors
    fleet: Fleet
    live: Live
    skills: SkillFolder
    scratch: Path
    pace: Pace
    now: Callable[[], datetime]
    keys: Keys = field(default_factory=Keyring)
    """What git and `forge` are reached with; drivers give back what was made for their job."""
    forge: ForgeAccess | None = None
    """None where there is no key to any forge."""
    screen: ScreenPolicy = field(default_factory=ScreenPolicy)
    author: Identity = PAWL
    """Of what is published."""
    labels: tuple[str, ...] = ()
    """Of every pull request."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One claimed job on its way."""

    tools: Tools
    claim: Claim
    job: Job
    lease: Lease
    stop: Interrupt = field(default_factory=Interrupt)
    """Fires for a cancel request and for the job's deadline."""
    reserved: Runner | None = None
    """A slot that was taken for this job and is held by no workspace yet."""
    prepared: str = ""
    """The workspace that was prepared under this claim."""
    vacated: Job | None = None
    """The job with the workspace it has let go of, which may still be there."""
    open_mirror: Mirror | None = None
    use: Use | None = None
    """Of the mirror."""
    activity: ActivityLog = field(default_factory=ActivityLog)
    """Of the attempt that runs."""

    @property
    def plan(self) -> Plan:
        """The plan of the job; a job is always driven with its plan."""
        if self.job.plan is None:
            raise LookupError(f"job {self.job.job_id} was read without its plan")
        return self.job.plan

    @property
    def refs(self) -> AuthRefs:
        """For whom, and by what, tokens are asked for."""
        repo, publish = self.plan.auth_refs
        holder = f"{self.claim.job_id}/{self.claim.epoch}"
        return AuthRefs(repo=repo, publish=publish, holder=holder)

    def out_of_time(self) -> Failure:
        """What to record when the job's time is up now."""
        return limits.out_of_time(self.plan.limits, self._step_index)

    def consumed(self, usage: Usage) -> None:
        """Notes what the running step has consumed so far; stops a job that is over budget."""
        failure = self.over_budget(usage)
        if failure is not None:
            self.stop.fire(LimitHit(failure))

    def over_budget(self, *running: Usage) -> Failure | None:
        """What to record for a job that has used up its budget, with what is running now."""
        used = [*self.job.consumed, *running]
        return limits.over_budget(self.plan.limits, used, self._step_index)

    @property
    def _step_index(self) -> int | None:
        return self.job.cursor if self.job.cursor < len(self.job.steps) else None

    async def mirror(self) -> Mirror:
        """The mirror of the job's repository, opened once; in use until `let_go`."""
        if self.open_mirror is None:
            mirror = await self.tools.mirrors.open(self.plan.repository)
            self.use = await mirror.use()
            self.open_mirror = mirror
        return self.open_mirror

    def let_go(self) -> None:
        """The work has ended, however it did."""
        if self.use is not None:
            self.use.end()
        self.give_back_tokens()

    def give_back_tokens(self) -> None:
        """A stage that needed some is over."""
        self.tools.keys.release(self.refs.holder)

    async def refresh(self) -> Job:
        """The job as it is stored now. Raises LeaseLost when another claim is in force."""
        job = await self.tools.store.job(self.claim.job_id)
        if job is None or job.epoch != self.claim.epoch:
            raise LeaseLost
        self.job = job
        return job

    async def note(self, *events: NewEvent) -> None:
        """Stores facts and tells the watchers."""
        await self.tools.store.note(self.claim, *events)
        self.told()

    def told(self) -> None:
        """Wakes whoever watches the job."""
        self.tools.live.wake(self.claim.job_id)
