"""Stands between an orchestrator and its runner, passes everything on, and notes each call."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from pawl.v1 import runner_pb2 as pb

LOOKS = frozenset({"DescribeRunner"})
"""Calls that speak of no job."""
NO_EPOCH = -1


class Onlooker(grpc.GenericRpcHandler):
    """Every call's name and time, as bytes that nobody has read pass by."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(
            target,
            options=[
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
                ("grpc.max_receive_message_length", -1),
            ],
        )
        self._calls: list[tuple[float, str, int]] = []
        self._lock = threading.Lock()
        self.address = ""

    def calls(self, since: float, epoch: int) -> list[str]:
        """What was called since a monotonic time, is more than a look, and is stale.

        Whoever sees that a job has ended may remove its workspace, by its current `epoch`.
        """
        with self._lock:
            return [
                name
                for when, name, by in self._calls
                if when >= since and name not in LOOKS and by != epoch
            ]

    def service(self, handler_call_details: Any) -> Any:
        """Takes any method, whatever its kind: a stream may have one message."""
        method = handler_call_details.method
        return grpc.stream_stream_rpc_method_handler(
            lambda messages, context: self._pass_on(method, messages, context)
        )

    def close(self) -> None:
        """Passes nothing on any more."""
        self._channel.close()

    def _pass_on(
        self, method: str, messages: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        name = method.rpartition("/")[2]
        if name == "CloseWorkspace":
            first = next(messages)
            epoch = pb.CloseWorkspaceRequest.FromString(first).epoch
            messages = itertools.chain([first], messages)
        else:
            epoch = NO_EPOCH
        with self._lock:
            self._calls.append((time.monotonic(), name, epoch))
        forward: Any = self._channel.stream_stream(method)
        left = context.time_remaining()
        # A call without a deadline has one in a few hundred years, which no timeout can say.
        call = forward(messages, timeout=left if left and left < 1e6 else None)
        context.add_callback(call.cancel)
        try:
            yield from call
        except grpc.RpcError as error:
            context.set_trailing_metadata(tuple(call.trailing_metadata() or ()))
            context.abort(call.code(), str(call.details() or error))


@contextmanager
def looking_on(target: str) -> Iterator[Onlooker]:
    """An onlooker before `target` for the length of the block."""
    onlooker = Onlooker(target)
    server = grpc.server(
        ThreadPoolExecutor(64, thread_name_prefix="onlooker"),
        handlers=[onlooker],
        options=[("grpc.max_receive_message_length", -1)],
    )
    onlooker.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield onlooker
    finally:
        onlooker.close()
        server.stop(None)
