"""The orchestrator put together: read the blocks down to see it start, up to see it end."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire.server import PAYLOAD_LIMIT, serving, terminated
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.drive.claimer import claiming
from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.drive.patience import PatientArtifacts
from services.orchestrator.drive.work import Pace, Tools
from services.orchestrator.duplicates import Duplicates
from services.orchestrator.feed import Feed
from services.orchestrator.fleet import OWN_CAPABILITIES, RunnerFleet, watching
from services.orchestrator.forge.app import App
from services.orchestrator.forge.app_key import AppKey
from services.orchestrator.forge.app_keys import app_keys
from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.preflight import Preflight, telling
from services.orchestrator.reconciling import Reconciler, reconciling
from services.orchestrator.remote.contract import contract_at
from services.orchestrator.retention.collector import Collector, collecting
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.settings import Settings
from services.orchestrator.skills import SkillFolder
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.token_file import TokenFile
from services.orchestrator.source.trust import Trust
from services.orchestrator.source.ways import Ways
from services.orchestrator.store.place import database_file
from services.orchestrator.store.store import opened
from services.orchestrator.vault.keys import VaultKeys, vault_keys
from services.orchestrator.vault.reading import Vault
from services.orchestrator.vault.standing import VaultStanding

SERVICES = ("pawl.v1.OrchestratorService",)


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave; jobs then go on under their next owner."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as lives:
        store = await lives.enter_async_context(opened(settings.database))
        artifacts = Artifacts.at(settings.artifacts)
        feed = Feed()
        contract = await lives.enter_async_context(contract_at(settings.contract_target))
        app = _app(settings)
        keys = await _keys(settings, app, lives)
        forge = _forge(settings, keys)
        fleet = RunnerFleet(
            own=OWN_CAPABILITIES | ({"gh"} if forge else set()), silence=settings.silence
        )
        await lives.enter_async_context(
            watching(fleet, settings.runner_targets, poll=settings.poll)
        )
        mirrors = _mirrors(settings, keys)
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
            keys=keys,
            forge=forge,
            screen=settings.screen,
            author=settings.author,
            labels=settings.pull_request_labels,
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
        preflight = Preflight(
            keeping=Duplicates(keeping=collector, store=store),
            forge=forge.forge if forge else None,
            url=settings.forge_api,
            token_file=keys.file,
            app=app,
            vault=VaultStanding(keys=keys.vault) if isinstance(keys.vault, VaultKeys) else None,
        )
        await lives.enter_async_context(telling(preflight))
        if forge is not None:
            reconciler = Reconciler(
                store=store,
                access=forge,
                locate=mirrors.location,
                policy=settings.reconciliation,
                owner=claimer.owner,
            )
            await lives.enter_async_context(reconciling(reconciler))
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
            keeping=preflight,
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


async def _keys(settings: Settings, app: App | None, lives: AsyncExitStack) -> Keyring:
    token_file, url, vault = settings.github_token_file, settings.github_url, None
    if settings.vault_token_file:
        vault = lives.enter_context(
            vault_keys(
                Vault.at(settings.vault_addr, settings.network),
                token_file=settings.vault_token_file,
                mounts=settings.vault_mounts,
                trusts=Trust(forge_url=url, rules=settings.hosts),
            )
        )
    return Keyring(
        vault=vault,
        app=await lives.enter_async_context(app_keys(app, url=url)) if app else None,
        file=TokenFile(path=token_file, url=url) if token_file else None,
    )


def _app(settings: Settings) -> App | None:
    if settings.github_app_key_file is None:
        return None
    key = AppKey(
        app_id=settings.github_app_id,
        path=settings.github_app_key_file,
        now=lambda: datetime.now(UTC),
    )
    return App(settings.forge_api, settings.network, key)


def _forge(settings: Settings, keys: Keyring) -> ForgeAccess | None:
    """None without any key: then no job that wants a pull request is taken at all."""
    if keys.empty:
        return None
    return ForgeAccess(
        forge=GitHubForge(settings.forge_api, settings.github_url, settings.network),
        keys=keys,
        url=settings.github_url,
    )


def _mirrors(settings: Settings, keys: Keyring) -> Mirrors:
    mirrors = Mirrors(
        Path(settings.data_dir, "mirrors"),
        git=Git(network=settings.network),
        credentials=Credentials(
            keys=keys, home=settings.home, ssh_auth_sock=settings.ssh_auth_sock
        ),
        allow_local=settings.allow_local_repositories,
        forge_url=settings.github_url,
        ways=Ways(
            rules=settings.hosts,
            repositories=settings.allowed_repositories,
            forge_url=settings.github_url,
        ),
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
