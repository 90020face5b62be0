"""How the pages are served."""

import asyncio
import socket

from services.dashboard.listening import bound


async def test_what_is_answered_in_two_pieces_does_not_wait_between_them() -> None:
    """Every page came 40 ms late: its head was held back until the browser had confirmed it."""
    undelayed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        undelayed.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with bound("127.0.0.1:0") as (listening, address):
        server = await asyncio.start_server(answer, sock=listening)
        async with server:
            host, _, port = address.rpartition(":")
            _, writer = await asyncio.open_connection(host, int(port))

            assert await undelayed

            writer.close()
            await writer.wait_closed()
