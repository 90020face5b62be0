"""How every service listens, says it is healthy, and leaves."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from pawl.wire.gate import Gate
from pawl.wire.interceptors import Translate

logger = structlog.get_logger(__name__)

MESSAGE_LIMIT = 8 * 1024 * 1024
"""Bytes of one message: a plan with all its prompts, or a pack's piece, and room."""

PAYLOAD_LIMIT = 2 * 1024 * 1024
"""Bytes of a request that holds a payload: 1 MiB as JSON is at most 1.4 MiB, and room."""

OPTIONS = [
    # Pings no closer than this are welcome, streams or no streams. The name is
    # not the one in the C header, and a misspelt option is silently ignored.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # A peer that vanished without a word is noticed, and its streams end.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 10_000),
    # The first bit alone: nothing is compressed, a request that is gets UNIMPLEMENTED.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.so_reuseport", 0),  # a second server on this port should fail to start
]

GATED_OPTIONS = [
    # Left to itself gRPC widens the windows of all streams until they hold whole requests,
    # read or not: fifty of 2 MiB that wait took 105 MB with this, and 7 MB without.
    ("grpc.http2.bdp_probe", 0),
    # What a call that waits may send: the whole of most requests.
    ("grpc.http2.lookahead_bytes", 16 * 1024),
]


class CannotListen(Exception):
    """The address is taken or is none of this machine's."""


@asynccontextmanager
async def serving(
    register: Callable[[grpc.aio.Server], None],
    *,
    services: tuple[str, ...],
    listen: str,
    largest: int = MESSAGE_LIMIT,
    at_once: int | None = None,
    grace: timedelta = timedelta(seconds=5),
    address_file: Path | None = None,
) -> AsyncIterator[str]:
    """Listens for the length of the block; yields the bound ``host:port``.

    `services` are full names, such as ``pawl.v1.RunnerService``: each is listed
    by reflection and has a health of its own, SERVING inside of the block and
    NOT_SERVING from its end on, while streams get `grace` to finish. The address
    is also written to `address_file`, once it answers. Raises CannotListen.

    A request has at most `largest` bytes. At most `at_once` unary calls are taken up at
    a time (see `Gate`), any number where it is None.
    """
    options = [*OPTIONS, ("grpc.max_receive_message_length", largest)]
    interceptors: list[grpc.aio.ServerInterceptor] = [Translate()]
    if at_once is not None:
        interceptors.insert(0, Gate(at_once))
        options += GATED_OPTIONS
    server = grpc.aio.server(
        interceptors=interceptors, options=options, maximum_concurrent_rpcs=448
    )
    register(server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection(
        (*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise CannotListen(
            f"cannot listen on {listen}: the port is taken or the address is not this "
            "machine's; set PAWL_LISTEN to another"
        ) from error
    await server.start()
    for name in ("", *services):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    address = f"{listen.rpartition(':')[0]}:{port}"
    if address_file is not None:
        publish(address, address_file)
    logger.info("serving", address=address, services=list(services))
    try:
        yield address
    finally:
        await healthy.enter_graceful_shutdown()
        await server.stop(grace.total_seconds())
        logger.info("stopped", address=address)


async def terminated(*, with_parent: bool = False) -> None:
    """Returns when the process is asked to leave.

    That is SIGTERM, SIGINT or, `with_parent`, the end of standard input: a
    parent that was killed cannot send a signal, but its end of the pipe closes.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), _on_input, asked)
    try:
        await asked.wait()
    finally:
        if with_parent:
            loop.remove_reader(sys.stdin.fileno())


def _on_input(asked: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asked.set()


def publish(address: str, path: Path) -> None:
    """Writes where a service answers into a file that appears whole."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.ExitStack() as undo:
        undo.callback(draft.unlink, missing_ok=True)
        draft.write_text(address)
        draft.rename(path)
