"""Serves routes of the dashboard as it does itself, to a browser's requests that are logged in."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute

from pawl.client import ContractClient, OrchestratorClient, connected, connected_to_contract
from services.dashboard.guard import CSRF, Guard
from services.dashboard.listening import bound, serving_pages
from services.dashboard.origins import Origins
from services.dashboard.sessions import Sessions
from services.dashboard.streams import Streams
from services.dashboard.troubles import TROUBLES
from tests.pawl.cli import scripted_contract
from tests.pawl.cli.scripted_contract import ScriptedContract
from tests.support.scripted_orchestrator import ScriptedOrchestrator, scripted

TOKEN = "a-token-that-nobody-guesses"
SECONDS = 8.0

Making = Callable[[OrchestratorClient, Streams], Sequence[BaseRoute]]
Authoring = Callable[[OrchestratorClient, ContractClient], Sequence[BaseRoute]]


@dataclass(frozen=True)
class Served:
    """What a test asks."""

    http: httpx.AsyncClient
    """Has a session, and sends its word."""
    streams: Streams


@asynccontextmanager
async def serving(orchestrator: ScriptedOrchestrator, routes: Making) -> AsyncIterator[Served]:
    """The pages at `routes`, with this orchestrator behind them, for the length of the block."""
    async with AsyncExitStack() as lives:
        target = await lives.enter_async_context(scripted(orchestrator))
        client = await lives.enter_async_context(connected(target))
        streams = Streams(client)
        await lives.enter_async_context(streams.open())
        http = await lives.enter_async_context(_browsing(routes(client, streams)))
        lives.callback(streams.leave)
        yield Served(http, streams)


@asynccontextmanager
async def asking(
    routes: Authoring, orchestrator: ScriptedOrchestrator, contract: ScriptedContract
) -> AsyncIterator[httpx.AsyncClient]:
    """The same before a contract, too, for what the scripts of pages ask that follow no job."""
    async with (
        scripted(orchestrator) as orchestrator_target,
        scripted_contract.serving(contract) as contract_target,
        connected(orchestrator_target) as jobs,
        connected_to_contract(contract_target) as plans,
        _browsing(routes(jobs, plans)) as http,
    ):
        http.headers["Accept"] = "application/json"
        yield http


@asynccontextmanager
async def _browsing(routes: Sequence[BaseRoute]) -> AsyncIterator[httpx.AsyncClient]:
    async with AsyncExitStack() as lives:
        listening, address = await lives.enter_async_context(bound("127.0.0.1:0"))
        sessions = Sessions(TOKEN, encrypted=False)
        pages = Starlette(routes=[*routes], exception_handlers=TROUBLES)
        guarded = Guard(pages, origins=Origins.of((), address), sessions=sessions)
        await lives.enter_async_context(
            serving_pages(guarded, listening, address, address_file=None)
        )
        http = httpx.AsyncClient(
            base_url=f"http://{address}",
            headers={"Origin": f"http://{address}", "Accept": "text/html"},
            timeout=SECONDS,
        )
        await lives.enter_async_context(http)
        _log_in(http, sessions)
        yield http


def _log_in(http: httpx.AsyncClient, sessions: Sessions) -> None:
    answer = Response()
    sessions.begin(answer)
    cookie = answer.headers["set-cookie"].split(";")[0]
    scope = {"type": "http", "headers": [(b"cookie", cookie.encode())]}
    session = sessions.of(HTTPConnection(scope))
    assert session is not None
    http.headers.update({"Cookie": cookie, CSRF: session.csrf})
