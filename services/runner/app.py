"""The runner put together: read the blocks down to see it start, up to see it leave."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import structlog

from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.server import serving, terminated
from services.runner.data_dir import claimed, runner_id
from services.runner.epochs import Epochs
from services.runner.equipment import Equipment
from services.runner.launcher import Processes
from services.runner.places import WorkspacePlaces
from services.runner.remains import adopt_orphans
from services.runner.retention import Collector, collecting
from services.runner.runtimes.card import Cards
from services.runner.servicer import Identity, RunnerServicer
from services.runner.settings import Settings
from services.runner.slots import Slots
from services.runner.supervisor import supervise
from services.runner.tenancy import Tenancy
from services.runner.workspace.workspaces import Workspaces

logger = structlog.get_logger(__name__)

SERVICES = ("pawl.v1.RunnerService",)
ISOLATION = "process"


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave; runs go on under their keepers."""
    adopt_orphans()
    async with running(settings):
        await terminated(with_parent=settings.leave_with_parent)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Serves for the length of the block; yields the bound ``host:port``.

    Raises DataDirTaken, and CannotListen inside of an exception group.
    """
    with claimed(settings.data_dir) as data_dir:
        workspaces = Workspaces(data_dir)
        await workspaces.sweep()
        slots = Slots(settings.slots, (one.workspace_id for one in workspaces.all()))
        epochs = Epochs(data_dir / "epochs")
        equipment = Equipment(
            keepers=Processes(),
            runtimes=settings.runtimes(),
            cards=Cards(directory=_emptied(data_dir / "probes")),
            places=WorkspacePlaces(workspaces),
            epochs=epochs,
            patience=settings.patience,
        )
        identity = Identity(
            runner_id=runner_id(data_dir),
            capabilities=settings.capabilities,
            isolation=ISOLATION,
            heartbeat=settings.heartbeat,
        )
        logger.warning("agents_are_not_isolated", isolation=ISOLATION, meaning=_MEANING)

        async with supervise(data_dir / "runs", equipment) as supervisor:
            tenancy = Tenancy(data_dir / "spool", supervisor, workspaces, slots)
            collector = Collector(
                data_dir=data_dir,
                supervisor=supervisor,
                tenancy=tenancy,
                workspaces=workspaces,
                epochs=epochs,
                policy=settings.retention,
            )
            servicer = RunnerServicer(identity, supervisor, tenancy, slots, collector)

            def register(server: grpc.aio.Server) -> None:
                rpc.add_RunnerServiceServicer_to_server(servicer, server)

            async with (
                collecting(collector),
                serving(
                    register,
                    services=SERVICES,
                    listen=settings.listen,
                    address_file=settings.address_file,
                ) as address,
            ):
                try:
                    yield address
                finally:
                    # Before the server stops, so that streams can say why they end.
                    supervisor.leave()


def _emptied(directory: Path) -> Path:
    """A directory without what a process that was killed has left in it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


_MEANING = (
    "agents run as this user: they can read its files, and the model keys that are passed to them"
)
