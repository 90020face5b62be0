"""An orchestrator for tests of its calls: real in all but the contract and the fleet."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2

from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.v1 import task_pb2
from pawl.wire.channel import channel
from pawl.wire.errors import Refusal
from pawl.wire.server import serving
from pawl.wire.status import from_error
from services.orchestrator.app import SERVICES
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.feed import Feed
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.eligibility import Offers, Process, offer_of
from services.orchestrator.jobs.job import Job, JobOutcome, JobState, Segment, Stream
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.jobs.retention import Policy
from services.orchestrator.jobs.runners import KnownRunner, RunnerDescription, RuntimeCard
from services.orchestrator.preflight import Preflight
from services.orchestrator.retention.collector import Collector
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import Rig, ended
from tests.support.fresh_store import fresh_store
from tests.support.jobs import fact, some_plan

SETTLE = timedelta(minutes=2)
PAYLOAD: dict[str, Any] = {"repository": "owner/repo", "task": {"instructions": "Go."}}


@dataclass(slots=True)
class ScriptedContract:
    """Plans every payload the same way, or refuses it with `refusal`."""

    made: Plan = field(default_factory=some_plan)
    refusal: Refusal | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    warnings: Sequence[task_pb2.Warning] = ()

    async def plan(self, payload: Mapping[str, Any]) -> tuple[Plan, Sequence[task_pb2.Warning]]:
        self.asked.append(payload)
        if self.refusal is not None:
            raise self.refusal
        return self.made, self.warnings


@dataclass(slots=True)
class ScriptedFleet:
    """One runner that offers `capabilities`, and one that was never heard from."""

    capabilities: frozenset[str] = frozenset({"codex", "claude"})
    free_slots: int = 2
    draining: bool = False
    reachable: bool = True
    cards: tuple[RuntimeCard, ...] = ()
    workspaces: tuple[str, ...] = ()

    def offers(self) -> Offers:
        return Offers(
            runners=tuple(offer_of(one) for one in self.runners()), own=frozenset({"git"})
        )

    def runners(self) -> Sequence[KnownRunner]:
        heard = RunnerDescription(
            runner_id="r1",
            incarnation="first",
            capabilities=tuple(sorted(self.capabilities)),
            runtimes=self.cards,
            slots=2,
            free_slots=self.free_slots,
            isolation="process",
            draining=self.draining,
            workspace_ids=self.workspaces,
        )
        return [
            KnownRunner(
                target="127.0.0.1:1",
                reachable=self.reachable,
                description=heard,
                free_slots=self.free_slots,
            ),
            KnownRunner(target="127.0.0.1:2", reachable=False, description=None, free_slots=0),
        ]


@dataclass(slots=True, kw_only=True)
class House:
    """A served orchestrator and what is behind it."""

    stub: "rpc.OrchestratorServiceAsyncStub"
    store: SqlStore
    artifacts: Artifacts
    feed: Feed
    contract: ScriptedContract
    fleet: ScriptedFleet
    folder: Path
    collector: Collector
    submitted: list[None]
    cancelled: list[str]
    process: Process = field(default_factory=lambda: Process(max_jobs=64))
    """What the process that would claim has on its hands."""

    @property
    def rig(self) -> Rig:
        """The usual moves on the store."""
        return Rig(self.store)

    async def submit(
        self, payload: dict[str, Any] | None = None, **fields: Any
    ) -> pb.SubmitTaskResponse:
        """A submit as any client makes it."""
        return await self.stub.SubmitTask(
            pb.SubmitTaskRequest(payload=struct(payload or PAYLOAD), **fields)
        )

    async def running(self) -> Claim:
        """A claimed job whose first step runs."""
        claim = await self.rig.claim()
        await self.rig.start(claim)
        return claim

    async def write(
        self, claim: Claim, order: int, offset: int, data: bytes, stream: Stream = Stream.STDOUT
    ) -> None:
        """Output of the first step."""
        key = await self.artifacts.put_segment(claim.job_id, data)
        segment = Segment(
            step_index=0,
            attempt=1,
            stream=stream,
            offset=offset,
            size=len(data),
            key=key,
            order=order,
        )
        await self.store.append_output(claim, [segment])
        self.feed.wake(claim.job_id)

    async def finish(self, claim: Claim, log: bytes) -> None:
        """The end of the first step, whose segments go with it."""
        page = await self.store.segments(
            claim.job_id, step_index=0, attempt=1, after_order=-1, limit=1000
        )
        kept = await self.artifacts.put_bytes(claim.job_id, "logs/steps/step-0000.log", log)
        await self.store.finish_step(
            claim,
            fact("task.step.finished", step_index=0),
            step_index=0,
            commit="c" * 40,
            tree="t" * 40,
            summary="",
            usage=None,
            artifacts=[kept],
        )
        await self.artifacts.delete([one.key for one in page])
        self.feed.wake(claim.job_id)

    async def end(self, claim: Claim, kind: str = "succeeded") -> None:
        """The end of the job."""
        state = JobState.SUCCEEDED if kind == "succeeded" else JobState.FAILED
        outcome = JobOutcome.BRANCH if kind == "succeeded" else JobOutcome.FAILED
        await self.store.end(claim, ended(kind), state=state, outcome=outcome)
        self.feed.wake(claim.job_id)

    async def job(self, job_id: str) -> Job:
        """The job as it is stored."""
        job = await self.store.job(job_id)
        assert job is not None
        return job


@asynccontextmanager
async def housed(folder: Path, *, watches: int = 192) -> AsyncIterator[House]:
    """An orchestrator that serves for the length of the block."""
    async with fresh_store(f"sqlite:///{folder / 'jobs.db'}") as store:
        artifacts = Artifacts.at(f"file://{folder / 'artifacts'}")
        feed = Feed(watches=watches)
        contract, fleet = ScriptedContract(), ScriptedFleet()
        collector = Collector(
            store=store,
            artifacts=artifacts,
            mirrors=Mirrors(
                folder / "mirrors", git=Git(), credentials=Credentials(), allow_local=True
            ),
            policy=Policy(artifacts=timedelta(days=90)),
            folders={"database": folder, "artifacts": folder / "artifacts"},
        )
        submitted: list[None] = []
        cancelled: list[str] = []
        served: list[House] = []
        servicer = OrchestratorServicer(
            store=store,
            artifacts=artifacts,
            contract=contract,
            fleet=fleet,
            feed=feed,
            on_submitted=lambda: submitted.append(None),
            on_cancel=cancelled.append,
            process=lambda: served[0].process,
            owner="me",
            settle=SETTLE,
            keeping=Preflight(keeping=collector, forge=None, url="", token_file=None),
        )

        def register(server: grpc.aio.Server) -> None:
            rpc.add_OrchestratorServiceServicer_to_server(servicer, server)

        async with (
            serving(register, services=SERVICES, listen="127.0.0.1:0") as address,
            channel(address) as connected,
        ):
            house = House(
                stub=rpc.OrchestratorServiceStub(connected),
                store=store,
                artifacts=artifacts,
                feed=feed,
                contract=contract,
                fleet=fleet,
                folder=folder,
                collector=collector,
                submitted=submitted,
                cancelled=cancelled,
            )
            served.append(house)
            yield house


def struct(payload: Mapping[str, Any]) -> struct_pb2.Struct:
    """A payload as it travels."""
    return json_format.ParseDict(dict(payload), struct_pb2.Struct())


async def refusal(call: Any) -> Refusal:
    """What a call, or a stream that is read to its end, is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _ended(call)
    return from_error(caught.value)


async def _ended(call: Any) -> None:
    if not hasattr(call, "__aiter__"):
        await call
        return
    async for _ in call:
        pass
