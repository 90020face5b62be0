"""That no request, and no fifty of them at once, makes the contract grow or go silent."""

import asyncio
import gzip
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

from pawl.wire.channel import channel, refusal
from pawl.wire.server import PAYLOAD_LIMIT
from tests.support.bare_http2 import bare_call

METHOD = "/pawl.v1.ContractService/ValidateTask"
AT_ONCE = 50
MOST_GROWTH = 20 * 1024
"""KiB."""
SECONDS = 20
"""Bounds a call, on a machine that is busy; less than a slow request may hold its place."""

# Each starts a process and has it work for seconds, which others on the machine do, too.
pytestmark = pytest.mark.timeout(60)

Answer: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """A contract in a process of its own."""

    pid: int
    address: str

    def resident(self) -> int:
        """KiB in memory now."""
        return self._said("VmRSS")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """KiB in memory at most, since it was last forgotten."""
        return self._said("VmHWM")

    def _said(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise AssertionError(f"no {name}")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    address_file = tmp_path / "address"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.contract",
        env={"PAWL_LISTEN": "127.0.0.1:0", "PAWL_ADDRESS_FILE": str(address_file)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(SECONDS):
            while b'"event": "serving"' not in await process.stderr.readline():
                pass
        yield Server(process.pid, address_file.read_text())
    finally:
        process.terminate()
        await process.communicate()


def sized(field: int, body: bytes) -> bytes:
    """A field of that number that holds these bytes."""
    size = len(body)
    digits = []
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([field << 3 | 2, *digits, size]) + body


def request(fields: bytes) -> bytes:
    """A request whose payload has these fields beside those that are required."""
    payload = entry("repository", text("owner/repo")) + fields
    return sized(1, payload)


def entry(key: str, value: bytes) -> bytes:
    return sized(1, sized(1, key.encode()) + sized(2, value))


def text(value: str) -> bytes:
    return sized(3, value.encode())


def task(fields: bytes) -> bytes:
    return request(entry("task", sized(5, fields)))


def objective(value: str = "Go.") -> bytes:
    return entry("instructions", text(value))


def items(values: bytes) -> bytes:
    """A valid task that also has a list of these values."""
    return task(objective() + entry("later", sized(6, values)))


def steps(count: int, instructions: str) -> bytes:
    step = sized(1, sized(5, objective(instructions)))
    return task(objective() + entry("steps", sized(6, step * count)))


def nested(depth: int) -> bytes:
    value = text("deep")
    for _ in range(depth):
        value = sized(6, sized(1, value))
    return task(objective() + entry("later", value))


def keys(count: int) -> bytes:
    return task(objective() + b"".join(entry(f"{n:x}", b"\x20\x01") for n in range(count)))


def filled(piece: bytes, size: int = PAYLOAD_LIMIT - 200) -> bytes:
    """So many of these values that the request is just not too large."""
    return items(piece * (size // len(piece)))


NUMBER = sized(1, b"\x11" + bytes(8))

INVALID = ("INVALID_ARGUMENT", "TASK_INVALID")
UNREADABLE = ("INVALID_ARGUMENT", "UNREADABLE")
TOO_MANY = ("INVALID_ARGUMENT", "TOO_MANY_VALUES")
TOO_LARGE = ("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED")
PLANNED = ("OK",)

BOMBS: dict[str, tuple[Callable[[], bytes], Answer]] = {
    "10,000 steps": (lambda: steps(10_000, "Go on."), INVALID),
    "lists 10,000 deep": (lambda: nested(10_000), UNREADABLE),
    "lists 40 deep": (lambda: nested(40), INVALID),
    "a map of 6,000 keys": (lambda: keys(6_000), INVALID),
    "a map of 100,000 keys": (lambda: keys(100_000), TOO_MANY),
    "a map of a million keys": (lambda: keys(1_000_000), TOO_LARGE),
    "500,000 empty lists": (lambda: filled(b"\x0a\x02\x32\x00"), TOO_MANY),
    "a million values that are nothing": (lambda: filled(b"\x0a\x00"), TOO_MANY),
    "the same in tags longer than needed": (lambda: filled(b"\x8a\x00\x00"), TOO_MANY),
    "a string of 1 MiB": (lambda: task(objective("x" * (1 << 20))), INVALID),
    "a string of 1 MiB, all lines": (lambda: task(objective("\n" * (1 << 20))), INVALID),
    "an unknown field of 1 MiB": (
        lambda: task(objective() + entry("later", text("x" * ((1 << 20) - 200)))),
        PLANNED,
    ),
    "4,900 numbers": (lambda: items(NUMBER * 4_900), PLANNED),
    "16,000 numbers": (lambda: items(NUMBER * 16_000), INVALID),
    "100,000 numbers": (lambda: items(NUMBER * 100_000), TOO_MANY),
    "100 steps with long instructions": (lambda: steps(100, "y" * 10_000), PLANNED),
    "no message at all": (lambda: b"\xff" * (PAYLOAD_LIMIT - 1), UNREADABLE),
}


@asynccontextmanager
async def stubs(address: str, count: int) -> AsyncIterator[list[Any]]:
    """Ways to send bytes as they are, over so many connections."""
    async with AsyncExitStack() as open_ones:
        made: list[Any] = []
        for number in range(count):
            connected = grpc.aio.insecure_channel(
                address,
                options=[
                    # Channels that are configured alike share a connection.
                    ("pawl.tests.connection", number),
                    ("grpc.max_send_message_length", -1),
                    ("grpc.max_receive_message_length", -1),
                ],
            )
            await open_ones.enter_async_context(connected)
            made.append(connected.unary_unary(METHOD))
        yield made


async def answer(call: Any, raw: bytes) -> Answer:
    """The status of a call, with the reason of its refusal."""
    try:
        await call(raw, timeout=SECONDS)
    except grpc.aio.AioRpcError as error:
        said = refusal(error)
        first = said.violations[0].reason if said.violations else said.reason
        reason = first if said.reason == "REQUEST_INVALID" else said.reason
        return (error.code().name, reason)
    return ("OK",)


async def small_call(server: Server) -> Answer:
    async with channel(server.address) as connected:
        return await answer(connected.unary_unary(METHOD), task(objective()))


@asynccontextmanager
async def not_growing(server: Server) -> AsyncIterator[None]:
    """Expects it for the length of the block, in which a small call has to be answered."""
    assert await small_call(server) == PLANNED
    before = server.resident()
    server.forget_peak()
    async with asyncio.TaskGroup() as group:
        meanwhile = group.create_task(small_call(server))
        yield
    assert meanwhile.result() == PLANNED
    growth = server.peak() - before
    assert growth < MOST_GROWTH, f"it grew by {growth} KiB"


@pytest.mark.parametrize(
    ("bomb", "expected"), [pytest.param(*bomb, id=name) for name, bomb in BOMBS.items()]
)
async def test_fifty_bombs_get_the_right_status_and_no_memory(
    server: Server, bomb: Callable[[], bytes], expected: Answer
) -> None:
    raw = bomb()
    async with stubs(server.address, 5) as calls, not_growing(server):
        answers = await asyncio.gather(
            *(answer(calls[number % 5], raw) for number in range(AT_ONCE))
        )

    assert Counter(answers) == {expected: AT_ONCE}


async def bare_status(server: Server, size: int, body: bytes, *, encoding: str = "identity") -> int:
    """The status of one call on a connection of its own, as a number."""
    async with asyncio.timeout(SECONDS), bare_call(server.address) as call:
        await call.open(METHOD, encoding=encoding)
        return await call.send(size, body, compressed=encoding != "identity")


@pytest.mark.parametrize(
    "inflated", [64 << 20, PAYLOAD_LIMIT - 1], ids=["64 MiB inside", "just not too large inside"]
)
async def test_fifty_gzip_bombs_are_refused_unopened(server: Server, inflated: int) -> None:
    bomb = gzip.compress(bytes(inflated))

    async with not_growing(server):
        answers = await asyncio.gather(
            *(bare_status(server, len(bomb), bomb, encoding="gzip") for _ in range(AT_ONCE))
        )

    assert Counter(answers) == {grpc.StatusCode.UNIMPLEMENTED.value[0]: AT_ONCE}


async def test_fifty_times_64_mib_are_refused_by_their_length_alone(server: Server) -> None:
    raw = task(objective("x" * (64 << 20)))

    async with not_growing(server):
        answers = await asyncio.gather(
            *(bare_status(server, len(raw), raw) for _ in range(AT_ONCE))
        )

    assert Counter(answers) == {grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]: AT_ONCE}


async def test_ten_that_stop_in_the_middle_hold_up_nobody_for_long(server: Server) -> None:
    size = PAYLOAD_LIMIT - 1

    async with not_growing(server), asyncio.TaskGroup() as group:
        calls = [group.create_task(bare_status(server, size, bytes(size - 1))) for _ in range(10)]
        refused = [await one for one in islice(asyncio.as_completed(calls), 6)]
        afterwards = await small_call(server)
        waiting = [one for one in calls if not one.done()]
        for one in waiting:
            one.cancel()

    assert refused == [grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]] * 6
    assert afterwards == PLANNED
    assert len(waiting) == 4
