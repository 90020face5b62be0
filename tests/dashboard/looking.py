"""Pages in a real browser, with an orchestrator behind them that says what a test has written."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, async_playwright
from starlette.routing import BaseRoute

from pawl.client import OrchestratorClient
from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from services.dashboard.assets import assets
from services.dashboard.job_actions import JobActions
from services.dashboard.job_files import JobFiles
from services.dashboard.job_page import JobPage
from services.dashboard.jobs import Jobs
from services.dashboard.streams import Streams
from tests.dashboard.serving import Served, serving
from tests.support.browser import CHROMIUM, QUIET
from tests.support.scripted_orchestrator import JOB_ID, Line, ScriptedOrchestrator


def routes(orchestrator: OrchestratorClient, streams: Streams) -> Sequence[BaseRoute]:
    return [
        *JobFiles(orchestrator).routes(),
        *JobActions(orchestrator, streams).routes(),
        *JobPage(orchestrator, streams).routes(),
        *Jobs(orchestrator).routes(),
        assets(),
    ]


@asynccontextmanager
async def looking(
    orchestrator: ScriptedOrchestrator,
    path: str = f"/tasks/queue/{JOB_ID}",
    *,
    clock: bool = False,
    script: str = "",
) -> AsyncIterator[tuple[Page, list[str], Streams]]:
    """A page in a browser; everything it asks for elsewhere and every dialog is noted.

    `script` is run before any of the page's own.
    """
    async with serving(orchestrator, routes) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = await browser.new_context()
        faults: list[str] = []
        await _log_in(context, served)
        page = await context.new_page()
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        home = str(served.http.base_url)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(home) else faults.append(asked.url),
        )
        if clock:
            await page.clock.install()
        await page.add_init_script(script)
        await page.goto(f"{home}{path}")
        try:
            yield page, faults, served.streams
        finally:
            await browser.close()


async def _log_in(context: Any, served: Served) -> None:
    name, _, value = served.http.headers["cookie"].partition("=")
    cookie = {"name": name, "value": value, "url": str(served.http.base_url)}
    await context.add_cookies([cookie])


def knowing(shown: job_pb2.Job, past: Sequence[Line], live: Sequence[Line]) -> ScriptedOrchestrator:
    return ScriptedOrchestrator(
        answers={
            "GetJob": pb.GetJobResponse(job=shown),
            "ExplainJob": pb.ExplainJobResponse(job_id=JOB_ID, state=shown.state),
            "ListArtifacts": pb.ListArtifactsResponse(),
        },
        streams=[list(past), list(live)],
    )
