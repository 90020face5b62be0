"""Calls a server as fast as it answers: the client of every benchmark, a process of its own.

Reads rounds from standard input, one JSON object a line (here two):

    {"target": "<host:port>", "method": "/pawl.v1.ContractService/ValidateTask",
     "request": "<file>", "concurrency": 8, "seconds": 1}

and answers each with ``{"calls": 1234, "seconds": 1.003}``, or with ``{"failed": "why"}`` when a
call ended with anything but OK. Channels stay open between rounds. Requests are bytes that are
ready to send, answers are not looked into: the server should be the one that is busy.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc

from pawl.wire.channel import channel

CALL_SECONDS = 30.0
"""No call of a benchmark takes this long; one that does has failed."""


async def main() -> None:
    """Answers rounds until standard input ends."""
    async with AsyncExitStack() as scope:
        channels: dict[str, grpc.aio.Channel] = {}
        while line := await asyncio.to_thread(sys.stdin.readline):
            told = json.loads(line)
            target = told["target"]
            if target not in channels:
                channels[target] = await scope.enter_async_context(channel(target))
            sys.stdout.write(json.dumps(await _round(channels[target], told)) + "\n")
            sys.stdout.flush()


async def _round(connected: grpc.aio.Channel, told: dict[str, Any]) -> dict[str, Any]:
    call: Callable[..., Awaitable[bytes]] = connected.unary_unary(told["method"])
    request = await asyncio.to_thread(Path(told["request"]).read_bytes)
    began = time.perf_counter()
    until = began + told["seconds"]

    async def caller() -> int:
        calls = 0
        while time.perf_counter() < until:
            await call(request, timeout=CALL_SECONDS)
            calls += 1
        return calls

    failed: list[str] = []
    calls: list[int] = []
    try:
        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(caller()) for _ in range(told["concurrency"])]
        calls = [one.result() for one in callers]
    except* grpc.aio.AioRpcError as errors:
        failed = [str(error) for error in errors.exceptions]
    if failed:
        return {"failed": f"{told['method']}: {failed[0]}"}
    return {"calls": sum(calls), "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    asyncio.run(main())
