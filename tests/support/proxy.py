"""Passes the bytes of connections on to one address, as badly as a test tells it to.

with proxy_to(address) as proxy:
    proxy.cut_after(40_000)          # a reset, in the middle of whatever is said then
    with proxy.blackhole(BOTH): ...  # nothing arrives meanwhile, and nobody is told
    proxy.bury()                     # what is connected now is never heard of again
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from enum import Flag, auto
from typing import TypeVar

T = TypeVar("T")

PIECE = 16 * 1024
CALL_SECONDS = 10.0


class Way(Flag):
    """Where bytes go: to the server behind the proxy, or back to its client."""

    THERE = auto()
    BACK = auto()


BOTH = Way.THERE | Way.BACK
RESET = struct.pack("ii", 1, 0)


class _Link:
    """One client's connection and the one that was made for it."""

    def __init__(self, writers: dict[Way, asyncio.StreamWriter]) -> None:
        self.writers = writers
        self.buried = False

    def reset(self) -> None:
        for writer in self.writers.values():
            taken = writer.get_extra_info("socket")
            if taken is not None and taken.fileno() >= 0:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


class Proxy:
    """Lives on a thread of its own, so that a test may wait as it likes. Made by `proxy_to`."""

    def __init__(self, target: str, loop: asyncio.AbstractEventLoop) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._loop = loop
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = {way: asyncio.Event() for way in Way}
        self._fuse: int | None = None
        self._burnt: Callable[[], int] = self._cut
        self._done = threading.Event()
        self._struck = 0
        self.delay = 0.0
        """Seconds that every piece takes longer."""
        self.heard: bytearray | None = None
        """Gets whatever passes, either way, from when a test puts one here."""
        self.connections = 0
        """How many were ever taken."""
        self.address = ""

    def cut(self) -> int:
        """Resets every connection there is; gives their number."""
        return self._on_loop(self._cut)

    def cut_after(self, size: int) -> None:
        """Does so once `size` more bytes have gone back; `struck` waits for that."""
        self._on_loop(lambda: self._light(size, self._cut))

    def bury(self) -> int:
        """Takes no more notice of what is connected now; new connections work."""
        return self._on_loop(self._bury)

    def bury_after(self, size: int) -> None:
        """Does so once `size` more bytes have gone back."""
        self._on_loop(lambda: self._light(size, self._bury))

    def struck(self, seconds: float) -> int:
        """Waits for what was to happen after some bytes; gives how many connections it met."""
        assert self._done.wait(seconds), f"so many bytes did not pass within {seconds:g} s"
        return self._struck

    def close_way(self, ways: Way) -> None:
        """Lets nothing pass that way, of old connections and new ones, until `open_ways`."""
        self._on_loop(lambda: self._close(ways))

    def close_way_after(self, size: int, ways: Way) -> None:
        """Does so once `size` more bytes have gone back."""

        self._on_loop(lambda: self._light(size, lambda: self._close(ways)))

    def open_ways(self) -> None:
        """Lets everything pass again, and first what was held back."""
        self._on_loop(self._reopen)

    @contextlib.contextmanager
    def blackhole(self, ways: Way = BOTH) -> Iterator[None]:
        """Nothing passes for the length of the block."""
        self.close_way(ways)
        try:
            yield
        finally:
            self.open_ways()

    def _light(self, size: int, act: Callable[[], int]) -> None:
        self._done.clear()
        self._fuse, self._burnt = size, act

    def _strike(self) -> None:
        self._fuse = None
        self._struck = self._burnt()
        self._done.set()

    def _cut(self) -> int:
        links = list(self._links)
        self._links.clear()
        for link in links:
            link.reset()
        return len(links)

    def _close(self, ways: Way) -> int:
        for way in ways:
            self._open[way].clear()
        return len(self._links)

    def _reopen(self) -> None:
        for way in Way:
            self._open[way].set()

    def _bury(self) -> int:
        living = [link for link in self._links if not link.buried]
        for link in living:
            link.buried = True
        return len(living)

    def _on_loop(self, act: Callable[[], T]) -> T:
        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(CALL_SECONDS)

    async def _serve(self, ready: threading.Event, leave: asyncio.Event) -> None:
        self._reopen()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=PIECE)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        ready.set()
        await leave.wait()
        server.close()
        self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link({Way.BACK: writer})
        try:
            far, to = await asyncio.open_connection(self._host, self._port, limit=PIECE)
            link.writers[Way.THERE] = to
            self._links.add(link)
            self.connections += 1
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(link, reader, Way.THERE))
                ways.create_task(self._pass(link, far, Way.BACK))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            link.reset()
            self._links.discard(link)
            self._tasks.discard(task)

    async def _pass(self, link: _Link, reader: asyncio.StreamReader, way: Way) -> None:
        writer = link.writers[way]
        while data := await reader.read(PIECE):
            if self.heard is not None:
                self.heard += data
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._open[way].wait()
            if way is Way.BACK and self._fuse is not None and not link.buried:
                burnt = data[: self._fuse]
                self._fuse -= len(burnt)
                if not self._fuse:
                    writer.write(burnt)
                    self._strike()
                    data = data[len(burnt) :]
                    await self._open[way].wait()
            if link.buried:
                continue
            writer.write(data)
            await writer.drain()
        if not link.buried:
            raise ConnectionError("one side has closed")


@contextlib.contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """A proxy to ``host:port`` for the length of the block."""
    loop = asyncio.new_event_loop()
    proxy = Proxy(target, loop)
    ready, leave = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy._serve(ready, leave),))
    thread.start()
    try:
        assert ready.wait(CALL_SECONDS), "the proxy does not listen"
        yield proxy
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
        loop.close()
