"""The orchestrator put together: read the blocks down to see it start, up to see it end."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire.server import PAYLOAD_LIMIT, serving, terminated
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.drive.claimer import claiming
from services.orchestrator.drive.patience import PatientArtifacts
from services.orchestrator.drive.work import Pace, Tools
from services.orchestrator.feed import Feed
from services.orchestrator.fleet import RunnerFleet, watching
from services.orchestrator.remote.contract import contract_at
from services.orchestrator.retention.collector import Collector, collecting
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.settings import Settings
from services.orchestrator.skills import SkillFolder
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.store.place import database_file
from services.orchestrator.store.store import opened

SERVICES = ("pawl.v1.OrchestratorService",)


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave; jobs then go on under their next owner."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as lives:
        store = await lives.enter_async_context(opened(settings.database))
        artifacts = Artifacts.at(settings.artifacts)
        feed = Feed()
        contract = await lives.enter_async_context(contract_at(settings.contract_target))
        fleet = RunnerFleet(silence=settings.silence)
        await lives.enter_async_context(
            watching(fleet, settings.runner_targets, poll=settings.poll)
        )
        mirrors = _mirrors(settings)
        tools = Tools(
            store=store,
            artifacts=PatientArtifacts(
                artifacts, first_pause=timedelta(seconds=0.5) * settings.pace
            ),
            mirrors=mirrors,
            fleet=fleet,
            live=feed,
            skills=SkillFolder(settings.skills_dir),
            scratch=settings.data_dir / "scratch",
            pace=Pace(lease=settings.lease, run_lease=settings.run_lease).scaled(settings.pace),
            now=lambda: datetime.now(UTC),
            screen=settings.screen,
        )
        claimer = await lives.enter_async_context(
            claiming(
                tools,
                max_jobs=settings.max_jobs,
                per_repository=settings.max_jobs_per_repository,
                poll=settings.poll,
            )
        )
        fleet.when_changed(claimer.wake)
        collector = Collector(
            store=store,
            artifacts=artifacts,
            mirrors=mirrors,
            policy=settings.retention,
            folders=_folders(settings, artifacts),
        )
        await lives.enter_async_context(collecting(collector))
        servicer = OrchestratorServicer(
            store=store,
            artifacts=artifacts,
            contract=contract,
            fleet=fleet,
            feed=feed,
            on_submitted=claimer.wake,
            on_cancel=claimer.cancel,
            process=claimer.process,
            owner=claimer.owner,
            settle=tools.pace.presumed_dead,
            keeping=collector,
        )

        def register(server: grpc.aio.Server) -> None:
            rpc.add_OrchestratorServiceServicer_to_server(servicer, server)

        await lives.enter_async_context(
            serving(
                register,
                services=SERVICES,
                listen=settings.listen,
                largest=PAYLOAD_LIMIT,
                address_file=settings.address_file,
            )
        )
        await terminated(with_parent=settings.leave_with_parent)


def _mirrors(settings: Settings) -> Mirrors:
    mirrors = Mirrors(
        Path(settings.data_dir, "mirrors"),
        git=Git(network=settings.network),
        credentials=Credentials(
            forge_url=settings.github_url,
            token_file=settings.github_token_file,
            home=settings.home,
            ssh_auth_sock=settings.ssh_auth_sock,
        ),
        allow_local=settings.allow_local_repositories,
        limits=FetchLimits().scaled(settings.pace),
    )
    mirrors.sweep()
    return mirrors


def _folders(settings: Settings, artifacts: Artifacts) -> dict[str, Path]:
    """Where each kind of thing lies on this host's disks."""
    folders = {
        "database": database_file(settings.database).parent,
        "mirrors": settings.data_dir / "mirrors",
        "scratch": settings.data_dir / "scratch",
    }
    if artifacts.root is not None:
        folders["artifacts"] = artifacts.root
    return folders
