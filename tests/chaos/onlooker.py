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
        self._calls: list[tuple[float, str, pb.CloseWorkspaceRequest | None]] = []
        self._lock = threading.Lock()
        self.address = ""

    def calls(self, since: float, job_id: str, epoch: int) -> list[str]:
        """What was called since a monotonic time, is more than a look, and may be stale.

        Whoever sees that a job has ended may remove its workspace, by its last epoch: only one
        of this job by another `epoch` is stale.
        """
        with self._lock:
            return [
                f"{name} {closing.workspace_id if closing else ''}".strip()
                for when, name, closing in self._calls
                if when >= since
                and name not in LOOKS
                and (
                    closing is None
                    or (closing.workspace_id.startswith(job_id) and closing.epoch != epoch)
                )
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
        closing: pb.CloseWorkspaceRequest | None = None
        if name == "CloseWorkspace":
            first = next(messages)
            closing = pb.CloseWorkspaceRequest.FromString(first)
            messages = itertools.chain([first], messages)
        with self._lock:
            self._calls.append((time.monotonic(), name, closing))
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
