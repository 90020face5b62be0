"""The `pawl` command against a scripted orchestrator, in the test's own loop."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from pawl.cli.__main__ import run
from tests.support.scripted_orchestrator import ScriptedOrchestrator, scripted

# Where grpc was imported before `pawl.cli` could quieten it, it tells of closed connections.
_GRPC = re.compile(r"^[IWE]\d{4} .*\n", re.MULTILINE)

HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202e\x9b2J"
"""What a terminal would obey, were it let through."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Pawl = Callable[..., Awaitable[Said]]


@pytest.fixture
def orchestrator() -> ScriptedOrchestrator:
    return ScriptedOrchestrator()


@pytest.fixture
def pawl(
    orchestrator: ScriptedOrchestrator,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Pawl:
    """``await pawl("jobs", "--json")``"""

    async def ask(*arguments: str) -> Said:
        async with scripted(orchestrator) as address:
            monkeypatch.setenv("PAWL_TARGET", address)
            try:
                code = await run(arguments)
            except SystemExit as left:
                code = int(left.code or 0)
        out, err = capfd.readouterr()
        return Said(code, out, _GRPC.sub("", err))

    return ask
