"""Whether the dashboard serves is asked by the name that it answers for."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.dashboard import probe
from services.dashboard.guard import Guard
from services.dashboard.listening import bound, serving_pages
from services.dashboard.origins import Origins
from services.dashboard.sessions import Sessions


async def healthy(_request: Request) -> Response:
    return PlainTextResponse("SERVING\n")


@pytest.mark.parametrize(
    ("origins", "asked", "code"),
    [
        ((), "", 0),
        (("https://Pawl.example.org:443",), "https://pawl.example.org", 0),
        (("https://pawl.example.org",), "https://other.example.org", 1),
    ],
    ids=["this machine's", "another", "a wrong one"],
)
async def test_it_serves_who_asks_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch, origins: tuple[str, ...], asked: str, code: int
) -> None:
    app = Starlette(routes=[Route("/healthz", healthy)])
    async with bound("127.0.0.1:0") as (listening, address):
        sessions = Sessions("made up", encrypted=False)
        guard = Guard(app, origins=Origins.of(origins, address), sessions=sessions)
        async with serving_pages(guard, listening, address, address_file=None):
            monkeypatch.setenv("PAWL_LISTEN", address)
            monkeypatch.setenv("PAWL_DASHBOARD_ORIGINS", asked)

            assert await asyncio.to_thread(probe.main) == code


def test_it_does_not_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWL_LISTEN", "127.0.0.1:1")

    assert probe.main() == 1
