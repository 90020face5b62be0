"""Channels to a service, and the deadlines calls on them get."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc

from pawl.wire.errors import Refusal
from pawl.wire.server import MESSAGE_LIMIT
from pawl.wire.status import from_error

UNARY_DEADLINE = timedelta(seconds=30)
"""What a unary call may take unless its caller knows better."""

OPTIONS = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Keepalive pings stop after two without this, and a frozen peer is noticed
    # only after a minute unless the ping itself has a time limit.
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # A restarted service is noticed at once, not after the default two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Channels of one process share connections without this, and a channel that is opened in
    # the place of one whose connection is dead would get that very connection.
    ("grpc.use_local_subchannel_pool", 1),
]


@asynccontextmanager
async def channel(target: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to ``host:port`` for the length of the block."""
    async with opened(target) as connected:
        yield connected


def opened(target: str) -> grpc.aio.Channel:
    """A channel to ``host:port`` that its owner has to close."""
    return grpc.aio.insecure_channel(target, options=OPTIONS)


def refusal(error: grpc.aio.AioRpcError) -> Refusal:
    """The refusal an error of a call stands for: ``raise refusal(error) from error``."""
    return from_error(error)
