"""What pages say where the dashboard, or what lies before it, does not answer as it should."""

import pytest
from playwright.async_api import Route, expect

from pawl.v1 import orchestrator_pb2 as pb
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import Silence, event, job

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


@pytest.mark.parametrize(
    ("status", "kind", "body", "told"),
    [
        (503, "text/plain", "Service Unavailable", "Service Unavailable"),
        (502, "text/html", "<h1>nginx</h1>", "The dashboard answered 502."),
        (500, "application/json", '{"message": "The page failed."}', "The page failed."),
    ],
)
async def test_a_list_stays_as_it_is_where_something_else_answers(
    status: int, kind: str, body: str, told: str
) -> None:
    """What a proxy had to say stood in the place of the jobs, or nothing at all."""
    orchestrator = knowing(job(), [], [])
    orchestrator.answers["ListJobs"] = pb.ListJobsResponse(jobs=[job(objective="Paint it")])
    async with looking(orchestrator, "/tasks/queue", clock=True) as (page, *_):

        async def answer(route: Route) -> None:
            await route.fulfill(status=status, content_type=kind, body=body)

        await page.route("**/tasks/queue", answer)
        await page.clock.fast_forward("00:04")

        await expect(page.locator("#connection")).to_have_text(f"{told} Trying again.")
        await expect(page.locator("main")).to_contain_text("Paint it")
        await expect(page.locator("main")).not_to_contain_text("nginx")


async def test_who_asks_for_something_and_nobody_is_there_is_told_so_in_words() -> None:
    """A dialog said: Failed to fetch."""
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator) as (page, *_):
        await page.route("**/cancel", lambda route: route.abort())
        await page.get_by_role("button", name="Cancel…").click()
        await page.get_by_role("button", name="Cancel the job").click()

        await expect(page.get_by_role("alert")).to_have_text("The dashboard does not answer.")
