"""Answers with bytes and does nothing else: what gRPC itself allows on this machine.

It is set up as `pawl.wire.server` sets up every service, but for interceptors, health and
reflection: a service is measured against what lies below all of its own code.
"""

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

import grpc

from pawl.wire.server import OPTIONS, terminated

ECHO = "/bench.Echo/Echo"
"""Answers with the request's own bytes."""

ANSWER = "/bench.Echo/Answer"
"""Answers with ``--answer-bytes`` bytes, whatever the request."""


async def main(address_file: Path, answer_bytes: int) -> None:
    """Serves on a free port, told in `address_file`, until standard input ends."""
    answer = os.urandom(answer_bytes)

    async def echo(request: bytes, context: object) -> bytes:
        return request

    async def answering(request: bytes, context: object) -> bytes:
        return answer

    methods: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Answer": grpc.unary_unary_rpc_method_handler(answering),
    }
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=448)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    draft = address_file.with_suffix(".draft")
    draft.write_text(f"127.0.0.1:{port}")
    draft.rename(address_file)
    try:
        await terminated(with_parent=True)
    finally:
        await server.stop(None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address-file", type=Path, required=True)
    parser.add_argument("--answer-bytes", type=int, default=0)
    told = parser.parse_args()
    asyncio.run(main(told.address_file, told.answer_bytes))
