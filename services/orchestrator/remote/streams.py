"""What a runner's stream says next."""

from typing import Any, TypeVar, cast

import grpc

MessageT = TypeVar("MessageT")


async def next_message(
    call: "grpc.aio.UnaryStreamCall[Any, MessageT] | grpc.aio.StreamStreamCall[Any, MessageT]",
) -> MessageT | None:
    """The next message; None at the end of the stream."""
    said = await call.read()
    return None if said is grpc.aio.EOF else cast("MessageT", said)
