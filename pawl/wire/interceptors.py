"""Turns whatever a servicer raises into a status worth reading."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
import structlog
from typing_extensions import override

from pawl.wire.errors import Refusal, Unexpected
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
                    async for response in behaviour(request, context):
                        yield response
                except (Exception, asyncio.CancelledError) as error:
                    await _answer(error, context, method)

            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            return make(stream, handler.request_deserializer, handler.response_serializer)

        single = handler.stream_unary or handler.unary_unary

        async def unary(request: Any, context: Context) -> Any:
            try:
                return await single(request, context)
            except (Exception, asyncio.CancelledError) as error:
                await _answer(error, context, method)

        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return make(unary, handler.request_deserializer, handler.response_serializer)


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
