"""One attempt of one step, as the parts of a driver pass it around."""

from dataclasses import dataclass
from datetime import timedelta

from services.orchestrator.drive.ports import Runner, RunnerUnreachable, RunOrder
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import Step, Usage
from services.orchestrator.jobs.plan import PlannedStep


class GivenUp(Exception):
    """The platform cannot bring the job to the end it should have."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class RunLost(Exception):
    """The run has ended without a result, and its step is to be started again.

    `wait` is set where that is nobody's loss: a provider takes no requests for so long.
    """

    def __init__(
        self, why: str, *, wait: timedelta | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.usage = usage
        """What it had consumed, as far as that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A step that is RUNNING in the store."""

    work: Work
    planned: PlannedStep
    step: Step

    def runner(self) -> Runner:
        """The runner its run belongs to, where it can be reached now, to be called at once.

        Raises RunnerUnreachable when the fleet has not heard of it, LeaseLost when this owner
        may not call it any more.
        """
        self.work.lease.check()
        runner = self.work.tools.fleet.find(self.step.runner_id)
        if runner is None:
            raise RunnerUnreachable(f"runner {self.step.runner_id} has not been heard of")
        return runner

    @property
    def order(self) -> RunOrder:
        """Equal on every call for the same attempt."""
        plan, limits = self.work.plan, self.work.plan.limits
        return RunOrder(
            run_id=self.step.run_id,
            epoch=self.work.claim.epoch,
            workspace_id=self.step.workspace_id,
            runtime=plan.runtime,
            model=plan.model,
            effort=plan.effort,
            prompt=self.planned.prompt,
            step_timeout=limits.step_timeout,
            silence=limits.silence,
            max_output_bytes=limits.max_output_bytes,
        )
