"""The dashboard put together: a client of the other services, with no state of its own."""

from contextlib import AsyncExitStack

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pawl.client import connected, connected_to_contract
from pawl.wire.server import terminated
from services.dashboard.assets import assets
from services.dashboard.authoring import Authoring
from services.dashboard.exchange import Exchange
from services.dashboard.fleet import Fleet
from services.dashboard.guard import Guard
from services.dashboard.histories import Histories
from services.dashboard.job_actions import JobActions
from services.dashboard.job_files import JobFiles
from services.dashboard.job_page import JobPage
from services.dashboard.jobs import Jobs
from services.dashboard.listening import bound, serving_pages
from services.dashboard.login import Login
from services.dashboard.login_token import login_token
from services.dashboard.origins import Origins
from services.dashboard.queue_page import QueuePage
from services.dashboard.sessions import Sessions
from services.dashboard.settings import Settings
from services.dashboard.streams import Streams
from services.dashboard.troubles import TROUBLES


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave."""
    token = login_token(settings)
    async with AsyncExitStack() as lives:
        orchestrator = await lives.enter_async_context(connected(settings.orchestrator_target))
        contract = await lives.enter_async_context(connected_to_contract(settings.contract_target))
        listening, address = await lives.enter_async_context(bound(settings.listen))
        origins = Origins.of(settings.dashboard_origins, address)
        streams = Streams(orchestrator)
        await lives.enter_async_context(streams.open())
        sessions = Sessions(token, encrypted=origins.encrypted)
        pages = Starlette(
            routes=[
                *_own(sessions),
                *Authoring(orchestrator, contract).routes(),
                *Exchange(target=settings.client_target).routes(),
                *Fleet(orchestrator).routes(),
                *Jobs(orchestrator).routes(),
                *JobActions(orchestrator, streams).routes(),
                *JobFiles(orchestrator).routes(),
                *JobPage(orchestrator, streams).routes(),
                *QueuePage(orchestrator, Histories(orchestrator)).routes(),
            ],
            exception_handlers=TROUBLES,
        )
        guarded = Guard(pages, origins=origins, sessions=sessions)
        await lives.enter_async_context(
            serving_pages(guarded, listening, address, address_file=settings.address_file)
        )
        # Before the server is left: what is streamed would have it wait.
        lives.callback(streams.leave)
        await terminated(with_parent=settings.leave_with_parent)


def _own(sessions: Sessions) -> list[BaseRoute]:
    login = Login(sessions)
    return [
        Route("/", _front),
        Route("/healthz", _healthy),
        Route("/login", login.form, methods=["GET"]),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
        assets(),
    ]


async def _front(_request: Request) -> Response:
    return RedirectResponse("/tasks/queue", status_code=303)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("SERVING\n")
