"""How the pages are served: bound first, announced once they answer, left in order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from pawl.wire.server import CannotListen, publish

logger = structlog.get_logger(__name__)

GRACE_SECONDS = 3
"""What open streams get to end; browsers come back by themselves."""
CONNECTIONS = 2_000
"""At once; beyond it callers are told that the service is busy."""


@asynccontextmanager
async def bound(listen: str) -> AsyncIterator[tuple[socket.socket, str]]:
    """A listening socket with its ``host:port`` for the length of the block."""
    host, _, port = listen.rpartition(":")
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    # Named, since asyncio switches the delay of small pieces off only where it is.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((name, int(port)))
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {listen}: the port is taken or the address is not this "
                "machine's; set PAWL_LISTEN to another"
            ) from error
        yield listening, f"{host}:{listening.getsockname()[1]}"


@asynccontextmanager
async def serving_pages(
    pages: ASGIApp, listening: socket.socket, address: str, *, address_file: Path | None
) -> AsyncIterator[None]:
    """Serves for the length of the block."""
    server = _Server(
        uvicorn.Config(
            pages,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=16 * 1024,
        )
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listening]), name="pages")
        await server.answering.wait()
        if address_file is not None:
            publish(address, address_file)
        logger.info("serving", address=address)
        try:
            yield
        finally:
            server.should_exit = True
    logger.info("stopped", address=address)


class _Server(uvicorn.Server):
    """Leaves when it is told to: signals are the business of the whole service."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield
