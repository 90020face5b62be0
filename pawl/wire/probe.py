"""Asks a service whether it is serving: ``python -m pawl.wire.probe HOST:PORT [SERVICE]``."""

import asyncio
import sys
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pawl.wire.channel import channel


async def healthy(
    target: str, service: str = "", *, timeout: timedelta = timedelta(seconds=3)
) -> bool:
    """Whether `service` at `target` says SERVING within `timeout`."""
    request = health_pb2.HealthCheckRequest(service=service)
    async with channel(target) as connected:
        stub = health_pb2_grpc.HealthStub(connected)
        try:
            answer = await stub.Check(request, timeout=timeout.total_seconds())
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """Exit code 0 when serving, 1 when not, 2 when misused."""
    if len(sys.argv) not in {2, 3}:
        sys.stderr.write("usage: python -m pawl.wire.probe HOST:PORT [SERVICE]\n")
        return 2
    return 0 if asyncio.run(healthy(*sys.argv[1:])) else 1


if __name__ == "__main__":
    sys.exit(main())
