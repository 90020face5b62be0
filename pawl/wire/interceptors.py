"""Turns whatever a servicer raises into a status worth reading."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from typing_extensions import override

from pawl.wire.errors import InvalidArgument, Refusal, Unexpected, Violation
from pawl.wire.status import to_status

logger = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # the stubs of grpcio describe only handlers that block


class Translate(grpc.aio.ServerInterceptor):
    """Answers refusals in full, and everything else as a bare INTERNAL.

    Left alone, gRPC sends an exception's text to the caller, and answers a
    CancelledError that the caller did not cause with silence until its deadline.
    """

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        if handler.response_streaming:
            behaviour = handler.stream_stream or handler.unary_stream

            async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
                try:
                    async for response in behaviour(_readable(request), context):
                        yield response
                except (Exception, asyncio.CancelledError) as error:
                    await _answer(error, context, method)

            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            return make(stream, _reading(handler), handler.response_serializer)

        single = handler.stream_unary or handler.unary_unary

        async def unary(request: Any, context: Context) -> Any:
            try:
                return await single(_readable(request), context)
            except (Exception, asyncio.CancelledError) as error:
                await _answer(error, context, method)

        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return make(unary, _reading(handler), handler.response_serializer)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a request that is no message, until somebody can answer it."""

    why: str


def _reading(handler: Handler) -> Callable[[bytes], Any]:
    """The handler's own way to read, but what it raises is kept for `_readable`.

    gRPC reads a request before any interceptor runs, and answers an error there with
    UNKNOWN and its text.
    """
    read = handler.request_deserializer
    if handler.request_streaming:
        return cast("Callable[[bytes], Any]", read)

    def reading(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError as error:
            return _Unreadable(str(error))

    return reading


def _readable(request: Any) -> Any:
    if isinstance(request, _Unreadable):
        raise InvalidArgument(
            [
                Violation(
                    "",
                    "UNREADABLE",
                    "The request is no message of this call, or is nested too deeply. "
                    "Send at most 16 levels of JSON.",
                )
            ]
        )
    return request


async def _answer(error: BaseException, context: Context, method: str) -> NoReturn:
    match error:
        case grpc.aio.AbortError():
            raise error
        case asyncio.CancelledError() if _asked_for():
            raise error
        case asyncio.CancelledError():
            await context.abort(grpc.StatusCode.CANCELLED, "cancelled by the server")
        case Refusal():
            refusal = error
        case _:
            correlation = uuid.uuid4().hex
            logger.error("call_broke", method=method, correlation_id=correlation, exc_info=error)
            refusal = Unexpected(
                "INTERNAL",
                f"this is a defect; its trace is in the log under {correlation}",
                metadata={"correlation_id": correlation},
            )
    status = to_status(refusal)
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort returned")


def _asked_for() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
