"""A gRPC call byte by byte, for what no gRPC client would send."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STREAM = 1
FRAME = 16_384


class BareCall:
    """The one call of a connection; minds the peer's windows, and nothing else.

    It reads no header but the status: a new connection's first one is always spelt out.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._windows = {0: 65_535, STREAM: 65_535}

    async def open(self, method: str, *, encoding: str = "identity") -> None:
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
            "grpc-encoding": encoding,
        }
        self._writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._frame(SETTINGS, 0, 0, b"")
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
        self._frame(HEADERS, END_HEADERS, STREAM, block)
        await self._writer.drain()

    async def send(self, size: int, body: bytes, *, compressed: bool = False) -> int:
        """Announces a message of `size` bytes, sends `body`; returns the call's status.

        It ends early when the peer answers early, and waits for the answer with its half of
        the stream open when `body` is shorter than announced.
        """
        rest = memoryview(body)  # many calls may share one
        await self._data(struct.pack(">?I", compressed, size), last=size == 0)
        while True:
            room = min(FRAME, *self._windows.values(), len(rest))
            if room > 0:
                piece, rest = bytes(rest[:room]), rest[room:]
                await self._data(piece, last=not rest and len(body) == size)
                continue
            status = await self._answered()
            if status is not None:
                return status

    async def _data(self, piece: bytes, *, last: bool) -> None:
        self._frame(DATA, END_STREAM if last else 0, STREAM, piece)
        await self._writer.drain()
        for stream in self._windows:
            self._windows[stream] -= len(piece)

    async def _answered(self) -> int | None:
        head = await self._reader.readexactly(9)
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:], "big")
        body = await self._reader.readexactly(size)
        if kind == SETTINGS and not flags & ACK:
            self._settle(body)
        elif kind == PING and not flags & ACK:
            self._frame(PING, ACK, 0, body)
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += int.from_bytes(body, "big")
        elif kind == RESET:
            raise ConnectionResetError(f"reset for {int.from_bytes(body, 'big')}, no status")
        elif kind == HEADERS and (found := re.search(rb"grpc-status[\x01\x02](\d+)", body)):
            return int(found[1])
        return None

    def _settle(self, body: bytes) -> None:
        for at in range(0, len(body), 6):
            name, value = struct.unpack_from(">HI", body, at)
            if name == 4:  # the window streams begin with
                self._windows[STREAM] += value - 65_535
        self._frame(SETTINGS, ACK, 0, b"")

    def _frame(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        self._writer.write(len(body).to_bytes(3, "big") + bytes([kind, flags]))
        self._writer.write(stream.to_bytes(4, "big") + body)


@asynccontextmanager
async def bare_call(address: str) -> AsyncIterator[BareCall]:
    """A new connection to ``host:port``, closed with the block."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield BareCall(reader, writer)
    finally:
        writer.close()


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()
