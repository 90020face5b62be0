"""The part of the store that is open to the owner of a claim."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pawl.wire.faultpoints import Point, answered
from services.orchestrator.jobs.claim import Claim, StoreAway
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import (
    Artifact,
    Job,
    JobOutcome,
    JobState,
    NewEvent,
    Segment,
    StepState,
    Usage,
)
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.publishing import Phase, Publication
from services.orchestrator.store import driving, publishing, steps
from services.orchestrator.store.threads import Threads
from services.orchestrator.store.writes import PROGRESS, driven


class SqlDriving:
    """Writes that are fenced by a claim."""

    _threads: Threads

    async def note(self, claim: Claim, *events: NewEvent) -> None:
        """See Driving."""
        await self._threads.write(driven, claim, events)

    async def enter(self, claim: Claim, stage: Stage, *events: NewEvent) -> None:
        """See Driving."""
        await self._threads.write(driven, claim, events, {"stage": stage, **PROGRESS})

    async def pin(
        self,
        claim: Claim,
        *events: NewEvent,
        default_branch: str,
        base_commit: str,
        working_branch: str,
    ) -> Job:
        """See Driving. The events are stored only when something was fixed."""
        return await self._threads.write(
            driving.pin,
            claim,
            events,
            default_branch=default_branch,
            base_commit=base_commit,
            working_branch=working_branch,
        )

    async def house(
        self,
        claim: Claim,
        *events: NewEvent,
        workspace_id: str,
        runner_id: str,
        incarnation: str,
    ) -> None:
        """See Driving."""
        await self._threads.write(
            driving.house,
            claim,
            events,
            workspace_id=workspace_id,
            runner_id=runner_id,
            incarnation=incarnation,
        )

    async def unhouse(self, claim: Claim) -> None:
        """See Driving."""
        nowhere = dict.fromkeys(("workspace_id", "runner_id", "incarnation"), "")
        await self._threads.write(driven, claim, changes=nowhere)

    async def start_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        attempt: int,
        run_id: str,
        runner_id: str,
        incarnation: str,
        workspace_id: str,
    ) -> None:
        """See Driving."""
        await self._threads.write(
            steps.start,
            claim,
            events,
            step_index=step_index,
            attempt=attempt,
            run={
                "run_id": run_id,
                "runner_id": runner_id,
                "incarnation": incarnation,
                "workspace_id": workspace_id,
            },
        )

    async def tell_version(
        self, claim: Claim, *, step_index: int, attempt: int, version: str
    ) -> None:
        """See Driving."""
        await self._threads.write(
            steps.tell_version, claim, step_index=step_index, attempt=attempt, version=version
        )

    async def finish_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        commit: str,
        tree: str,
        summary: str,
        usage: Usage | None,
        artifacts: Sequence[Artifact],
    ) -> None:
        """See Driving."""
        await self._threads.write(
            steps.close,
            claim,
            events,
            step_index=step_index,
            state=StepState.SUCCEEDED,
            commit=commit,
            tree=tree,
            summary=summary,
            usage=usage,
            artifacts=artifacts,
        )

    async def end_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        state: StepState,
        summary: str,
        usage: Usage | None,
        artifacts: Sequence[Artifact],
        counted: bool = True,
    ) -> None:
        """See Driving."""
        await self._threads.write(
            steps.close,
            claim,
            events,
            step_index=step_index,
            state=state,
            summary=summary,
            usage=usage,
            artifacts=artifacts,
            counted=counted,
        )

    async def append_output(self, claim: Claim, segments: Sequence[Segment]) -> None:
        """See Driving. Raises ValueError where a stream would get a gap."""
        await self._threads.write(steps.append_output, claim, segments)

    async def merge_output(self, claim: Claim, merged: Segment, *, first_order: int) -> None:
        """See Driving. Raises ValueError."""
        await self._threads.write(steps.merge_output, claim, merged, first_order=first_order)

    async def join_output(
        self, claim: Claim, *, step_index: int, attempt: int, artifacts: Sequence[Artifact]
    ) -> None:
        """See Driving."""
        await self._threads.write(
            steps.join_output, claim, step_index=step_index, attempt=attempt, artifacts=artifacts
        )

    async def keep(self, claim: Claim, artifacts: Sequence[Artifact]) -> None:
        """See Driving."""
        await self._threads.write(driving.keep, claim, artifacts)

    async def intend(
        self, claim: Claim, publication: Publication, *events: NewEvent
    ) -> Publication:
        """See Driving. The events are stored only with the intent itself."""
        return await self._threads.write(publishing.intend, claim, publication, events)

    async def reach(self, claim: Claim, phase: str, *events: NewEvent) -> None:
        """See Driving. Where the publication is that far already nothing is stored."""
        await self._threads.write(publishing.reach, claim, Phase(phase), events)

    async def request_pull_request(self, claim: Claim) -> None:
        """See Driving."""
        await self._threads.write(publishing.request, claim)

    async def opened_pull_request(
        self, claim: Claim, *events: NewEvent, number: int, url: str
    ) -> None:
        """See Driving. The events are stored only with the record itself."""
        await self._threads.write(publishing.opened, claim, events, number=number, url=url)

    async def wait(self, claim: Claim, *, excused: timedelta, asked: bool) -> None:
        """See Driving."""
        await self._threads.write(driving.wait, claim, excused=excused, asked=asked)

    async def go_on(self, claim: Claim) -> None:
        """See Driving."""
        await self._threads.write(driving.go_on, claim)

    async def requeue(self, claim: Claim, *events: NewEvent, not_before: datetime | None) -> None:
        """See Driving."""
        await self._threads.write(driving.requeue, claim, events, not_before=not_before)

    async def end(
        self,
        claim: Claim,
        *events: NewEvent,
        state: JobState,
        outcome: JobOutcome,
        failure: Failure | None = None,
    ) -> None:
        """See Driving."""
        await self._threads.write(
            driving.end, claim, events, state=state, outcome=outcome, failure=failure
        )
        answered(Point.F1, StoreAway)
