"""Lets a few requests in at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from typing import Any, NoReturn

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health
from typing_extensions import override

from pawl.wire.errors import InvalidArgument, Refusal, ResourceExhausted, Violation
from pawl.wire.parts import MOST, Table, table, too_many
from pawl.wire.status import to_status

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # the stubs of grpcio describe only handlers that block

PATIENCE = timedelta(seconds=0.5)
"""How long others wait for a request to arrive, and for its answer to be read."""

LONGEST = timedelta(seconds=30)
"""How long a request may take to arrive after that."""


class Gate(grpc.aio.ServerInterceptor):
    """Takes up at most `at_once` unary calls at a time; the others wait unread.

    By itself gRPC reads every request whole, as soon as it comes: fifty of a mebibyte take
    fifty mebibytes, and what they are parsed into. Here a call that waits holds what fits into
    its HTTP/2 window, and its caller has the rest.

    A request that is slow to arrive goes on in one of `slow` other places, so that those
    behind it can pass; where these are taken it is refused. One that would take too much
    memory to parse is refused unparsed. Streams and health checks are not counted.
    """

    def __init__(
        self,
        at_once: int,
        *,
        slow: int = 4,
        patience: timedelta = PATIENCE,
        longest: timedelta = LONGEST,
    ) -> None:
        self._quick = asyncio.Semaphore(at_once)
        self._slow = slow
        self._patience = patience.total_seconds()
        self._longest = longest.total_seconds()
        self._gated: dict[str, Handler] = {}
        """By method: a handler is the same for every call."""

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        method = handler_call_details.method
        if gated := self._gated.get(method):
            return gated
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None or method.startswith(_HEALTH):
            return handler
        self._gated[method] = made = self._behind(handler, _parts(method))
        return made

    def _behind(self, handler: Handler, parts: Table) -> Handler:
        async def answer(_: Any, context: Context) -> Any:
            await self._quick.acquire()
            place = _Place(self._quick.release)
            large = False
            try:
                response = await self._answer(handler, parts, context, place)
                large = response.ByteSize() > _LARGE
                return response
            except grpc.aio.AbortError as error:
                # gRPC keeps it in a cycle with its call: by way of the frames the request
                # would stay in memory, too, until the collector comes by.
                error.__context__ = None
                raise error.with_traceback(None) from None
            finally:
                if large:
                    place.leave_when_sent(self._patience)
                else:
                    place.leave()

        # Of a stream of requests gRPC reads none before it is asked to.
        return grpc.stream_unary_rpc_method_handler(answer, None, handler.response_serializer)

    async def _answer(
        self, handler: Handler, parts: Table, context: Context, place: "_Place"
    ) -> Any:
        raw = await self._received(context, place)
        if raw is grpc.aio.EOF:
            await _refuse(_NOTHING, context)
        if too_many(raw, parts):
            await _refuse(_TOO_MANY, context)
        request = handler.request_deserializer(raw)
        del raw
        return await handler.unary_unary(request, context)

    async def _received(self, context: Context, place: "_Place") -> Any:
        """The bytes of the request, or EOF where its caller sends none."""
        try:
            async with asyncio.timeout(None) as limit:
                later = asyncio.get_running_loop().call_later(
                    self._patience, self._let_others_pass, place, limit
                )
                try:
                    return await context.read()
                finally:
                    later.cancel()
        except TimeoutError:
            await _refuse(_SLOW, context)

    def _let_others_pass(self, place: "_Place", limit: asyncio.Timeout) -> None:
        now = asyncio.get_running_loop().time()
        if self._slow == 0:
            limit.reschedule(now)
            return
        limit.reschedule(now + self._longest)
        self._slow -= 1
        place.become(self._leave_slow)

    def _leave_slow(self) -> None:
        self._slow += 1


class _Place:
    """One of the places of a gate, until it is given back."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def become(self, give_back: Callable[[], None]) -> None:
        """Gives this one back for another."""
        self.leave()
        self._give_back = give_back

    def leave_when_sent(self, patience: float) -> None:
        """Gives it back once the answer is out, or its reader is found to be slow."""
        later = asyncio.get_running_loop().call_later(patience, self.leave)

        def sent(_: object) -> None:
            later.cancel()
            self.leave()

        if task := asyncio.current_task():
            task.add_done_callback(sent)

    def leave(self) -> None:
        """Gives it back; once."""
        if self._give_back is not None:
            self._give_back()
            self._give_back = None


_LARGE = 64 * 1024
"""Bytes of an answer that is counted until it is sent."""

_HEALTH = f"/{health.SERVICE_NAME}/"
_SLOW = ResourceExhausted(
    "REQUEST_TOO_SLOW",
    "the request took too long to arrive while others waited; ask again, over a faster connection",
    retry_after=timedelta(seconds=5),
)
_NOTHING = InvalidArgument(
    [Violation("", "UNREADABLE", "The call ended before its request. Send one message.")]
)
_TOO_MANY = InvalidArgument(
    [
        Violation(
            "",
            "TOO_MANY_VALUES",
            f"The request is made of more than {MOST:,} messages: values, their names and what"
            " holds them. Send fewer.",
        )
    ]
)


@cache
def _parts(method: str) -> Table:
    """What the request of ``/package.Service/Method`` is made of."""
    name = method.removeprefix("/").replace("/", ".")
    return table(descriptor_pool.Default().FindMethodByName(name).input_type)


async def _refuse(refusal: Refusal, context: Context) -> NoReturn:
    status = to_status(refusal)
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort returned")
