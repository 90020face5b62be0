"""What a step's log, patch and prompt do where they cannot be read, in a real browser."""

import pytest
from playwright.async_api import expect

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import (
    Line,
    ScriptedOrchestrator,
    Silence,
    event,
    job,
    output,
)

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
LOG = "logs/steps/step-0000.log"
PIECE = 64 * 1024
PATCH = "patches/steps/step-0000.patch"


def ended(text: bytes) -> ScriptedOrchestrator:
    """A job that has ended, whose first step left a log and a patch that are alike."""
    orchestrator = knowing(job("SUCCEEDED", last_sequence=1), [event(1, "job.succeeded")], [])
    orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(
        artifacts=[
            job_pb2.Artifact(path=path, size_bytes=len(text), sha256="ab" * 32)
            for path in (LOG, PATCH)
        ]
    )
    return orchestrator


@pytest.mark.parametrize(
    ("tab", "asked", "shown"),
    [("Log", "**/part*", ".log"), ("Patch", "**/part*", ".patch"), ("Prompt", "**/prompts/*", "")],
)
async def test_what_could_not_be_read_once_is_asked_for_when_somebody_looks_again(
    tab: str, asked: str, shown: str
) -> None:
    """A service that was away for a moment took a log away until the page was loaded anew."""
    text = b"+found again\n"
    orchestrator = ended(text)
    async with looking(orchestrator) as (page, *_):
        await page.route(asked, lambda route: route.abort())
        await page.locator("#step-0 > summary").click()
        await page.get_by_role("tab", name=tab).click()
        panel = page.get_by_role("tabpanel")
        await expect(panel).to_contain_text("It cannot be read: The dashboard does not answer.")
        await page.unroute(asked)
        orchestrator.reads.append([pb.ReadArtifactResponse(data=text)])
        plan = orchestrator.answers["GetJob"].job.plan  # type: ignore[union-attr]
        plan.steps.add(step_index=0, prompt="+found again\n")
        await page.get_by_role("tab", name=tab).click()

        await expect(panel.locator(shown or ".prompt")).to_contain_text("+found again")
        await expect(panel.get_by_text("It cannot be read")).to_be_hidden()


async def test_earlier_lines_come_above_those_that_are_read() -> None:
    """The page jumped to the first line of what was loaded, far from what somebody had read."""
    line = b"%015d\n"
    log = b"".join(line % number for number in range(20_000))
    orchestrator = ended(log)
    for begin in (len(log) - 256 * 1024, 0):
        orchestrator.reads.append([pb.ReadArtifactResponse(offset=begin, data=log[begin:])])
    async with looking(orchestrator) as (page, *_):
        await page.locator("#step-0 > summary").click()
        box = page.locator("#step-0 .log")
        await box.locator(".line").first.wait_for(state="attached")
        await page.get_by_label("Follow").last.uncheck()
        await box.evaluate("box => { box.scrollTop = 0; }")
        await page.get_by_role("button", name="Load earlier").click()
        await box.get_by_text("000000000000000", exact=True).wait_for(state="attached")

        # The first line that was there before, of which 3,616 more are above now.
        await expect(box.get_by_text("000000000003617", exact=True)).to_be_in_viewport()


@pytest.mark.parametrize("looks", ["before", "after"])
async def test_lines_that_left_the_page_can_be_loaded_once_the_step_has_ended(looks: str) -> None:
    """They could not, until the page was loaded anew."""
    log = b"".join(b"%015d\n" % number for number in range(20_000))
    past = [event(1, "job.submitted"), event(2, "task.step.started", step_index=0, attempt=1)]
    pieces = [output(at, log[at : at + PIECE]) for at in range(0, len(log), PIECE)]
    live: list[Line] = [*pieces, event(3, "task.step.finished", step_index=0, attempt=1), Silence]
    orchestrator = knowing(job("RUNNING", last_sequence=2), past, live)
    for begin in (len(log) - 256 * 1024, 0):
        orchestrator.reads.append([pb.ReadArtifactResponse(offset=begin, data=log[begin:])])
    async with looking(orchestrator) as (page, *_):
        lines = page.locator("#step-0 .log .line")
        await expect(page.locator("#events")).to_contain_text("task.step.finished")
        if looks == "before":
            await page.get_by_role("tab", name="Log").click()
            await expect(lines.last).to_have_text("000000000019999")
        orchestrator.answers["ListArtifacts"] = ended(log).answers["ListArtifacts"]
        await expect(page.locator("#artifacts")).to_contain_text(LOG)
        await page.get_by_role("tab", name="Log").click()
        await page.get_by_role("button", name="Load earlier").click()

        await expect(lines).to_have_count(20_000)
        await expect(lines.first).to_have_text("000000000000000")
