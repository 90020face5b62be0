"""Whether a service answers, by the protocol it speaks."""

import asyncio
from datetime import timedelta

from pawl.wire.probe import healthy

PATIENCE = timedelta(seconds=1)


async def serves(address: str) -> bool:
    """Whether the gRPC service at ``host:port`` says that it is SERVING."""
    return await healthy(address, timeout=PATIENCE)


async def serves_pages(address: str, *, name: str = "") -> bool:
    """Whether the pages at ``host:port`` say so, which browsers may know by another name."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            try:
                # As a browser writes it: the usual port goes without saying.
                told = name or address.removesuffix(":80")
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {told}\r\n\r\n".encode())
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.startswith(b"HTTP/1.1 200")
