"""The page of the queue: each of its parts with its own trouble alone, kept up to date in place."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from playwright.async_api import Page, async_playwright, expect
from starlette.routing import BaseRoute

from pawl.client import (
    GetHistoryResponse,
    GetQueueResponse,
    HistoryBucket,
    JobState,
    OrchestratorClient,
)
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Unexpected
from services.dashboard.assets import assets
from services.dashboard.histories import SPANS, Histories
from services.dashboard.queue_page import Depth, QueuePage, depths
from services.dashboard.streams import Streams
from tests.dashboard.serving import serving
from tests.support.browser import CHROMIUM, QUIET
from tests.support.scripted_orchestrator import Line, ScriptedOrchestrator

BEGIN = datetime(2026, 11, 28, 12, tzinfo=UTC)
ROUND = 4_000
"""Milliseconds in which the page asks once more."""


def routes(orchestrator: OrchestratorClient, _streams: Streams) -> Sequence[BaseRoute]:
    # Every look at this clock finds that it is time to ask again.
    clock = count(step=1000).__next__
    return [*QueuePage(orchestrator, Histories(orchestrator, clock=clock)).routes(), assets()]


def waiting(jobs: int) -> GetQueueResponse:
    kind = pb.QueueCount(state=JobState.JOB_STATE_QUEUED, runtime="codex", jobs=jobs)
    return GetQueueResponse(counts=[kind])


def past(succeeded: int, buckets: int = 48) -> GetHistoryResponse:
    told = [HistoryBucket(start_time=stamp(number)) for number in range(buckets)]
    told[-2].ended.add(state=JobState.JOB_STATE_SUCCEEDED, jobs=succeeded)
    return GetHistoryResponse(buckets=told)


def stamp(bucket: int) -> Timestamp:
    made = Timestamp()
    made.FromSeconds(int(BEGIN.timestamp()) + bucket * 1800)
    return made


def knowing(queue: Line, history: Line) -> ScriptedOrchestrator:
    return ScriptedOrchestrator(answers={"GetQueue": queue, "GetHistory": history})


def test_the_queue_is_counted_by_runtime() -> None:
    told = GetQueueResponse(
        counts=[
            pb.QueueCount(state=JobState.JOB_STATE_QUEUED, runtime="codex", jobs=5, held_jobs=2),
            pb.QueueCount(state=JobState.JOB_STATE_RUNNING, runtime="claude", jobs=1),
            pb.QueueCount(state=JobState.JOB_STATE_RUNNING, runtime="codex", jobs=3),
        ]
    )

    assert depths(told) == [
        Depth(runtime="claude", waiting=0, held=0, running=1),
        Depth(runtime="codex", waiting=5, held=2, running=3),
    ]


async def test_the_page_tells_how_deep_the_queue_is_and_what_became_of_jobs() -> None:
    async with serving(knowing(waiting(5), past(3)), routes) as served:
        page = (await served.http.get("/queue")).text

    assert ">5</a>" in page
    assert "3 succeeded" in page
    assert '<g class="mark succeeded">' in page


@pytest.mark.parametrize("span", [one.name for one in SPANS])
async def test_a_span_is_chosen_by_its_link(span: str) -> None:
    orchestrator = knowing(waiting(5), past(3))
    async with serving(orchestrator, routes) as served:
        page = (await served.http.get(f"/queue?span={span}")).text

    chosen = next(one for one in SPANS if one.name == span)
    asked = pb.GetHistoryRequest(bucket_length=chosen.bucket, buckets=chosen.buckets)
    assert asked in orchestrator.asked
    assert f'data-key="span-{span}" data-renews aria-current="true"' in page


async def test_that_the_past_cannot_be_read_takes_no_number_of_the_queue_away() -> None:
    broken = Unexpected("HISTORY_BROKEN", "<b>it broke</b>")
    async with serving(knowing(waiting(5), broken), routes) as served:
        answer = await served.http.get("/queue")

    assert answer.status_code == 200
    assert ">5</a>" in answer.text
    assert "HISTORY_BROKEN" in answer.text
    assert "<b>it broke" not in answer.text
    assert 'data-key="span-week"' in answer.text


async def test_that_the_queue_cannot_be_read_takes_no_plot_away() -> None:
    async with serving(knowing(Unexpected("QUEUE_BROKEN", "it broke"), past(3)), routes) as served:
        answer = await served.http.get("/queue")

    assert answer.status_code == 200
    assert "QUEUE_BROKEN" in answer.text
    assert "3 succeeded" in answer.text


async def test_a_past_without_jobs_is_said_to_be_that() -> None:
    empty = GetHistoryResponse(buckets=[HistoryBucket(start_time=stamp(one)) for one in range(48)])
    async with serving(knowing(GetQueueResponse(), empty), routes) as served:
        page = (await served.http.get("/queue")).text

    assert "Nothing waits and nothing runs." in page
    assert "No job was submitted and none has ended in the last day." in page


async def test_what_nobody_offers_is_named_first() -> None:
    queue = waiting(2)
    queue.capabilities.add(capability="codex", queued_jobs=2, offering_runners=1)
    queue.capabilities.add(capability="docker", queued_jobs=1)
    queue.capabilities.add(capability="gpu", running_jobs=1)
    async with serving(knowing(queue, past(3)), routes) as served:
        page = (await served.http.get("/queue")).text

    rows = page.split("Requires")[1].split("</table>")[0]
    assert [rows.index(one) for one in ("docker", "codex", "gpu")] == sorted(
        rows.index(one) for one in ("docker", "codex", "gpu")
    )
    assert '<span class="state bad">nobody now' in rows.split("codex")[0]
    assert '<span class="state still">nobody now' in rows.split("gpu")[1]
    assert "1 runner<" in rows


async def test_an_answer_without_buckets_is_shown_as_an_empty_past() -> None:
    async with serving(knowing(waiting(1), GetHistoryResponse()), routes) as served:
        answer = await served.http.get("/queue")

    assert answer.status_code == 200


@asynccontextmanager
async def looking(orchestrator: ScriptedOrchestrator) -> AsyncIterator[Page]:
    """The page in a browser in Kathmandu, whose clock the test moves; faults fail the test."""
    async with serving(orchestrator, routes) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = await browser.new_context(timezone_id="Asia/Kathmandu", locale="en-GB")
        name, _, value = served.http.headers["cookie"].partition("=")
        await context.add_cookies(
            [{"name": name, "value": value, "url": str(served.http.base_url)}]
        )
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        await page.clock.install()
        await page.goto(f"{served.http.base_url}/queue")
        try:
            yield page
        finally:
            await browser.close()
    assert faults == []


in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


@in_a_browser
@pytest.mark.timeout(60)
async def test_what_is_open_and_focused_stays_so_while_numbers_change() -> None:
    orchestrator = knowing(waiting(5), past(3))
    async with looking(orchestrator) as page:
        summary = page.get_by_text("The same in numbers")
        await summary.click()
        await summary.focus()
        orchestrator.answers["GetHistory"] = past(4)
        await page.clock.run_for(ROUND)

        await expect(page.get_by_text("4 succeeded").first).to_be_attached()
        await expect(page.locator("details[open] table")).to_be_visible()
        await expect(page.locator("summary")).to_be_focused()


@in_a_browser
@pytest.mark.timeout(60)
async def test_a_number_that_has_the_focus_keeps_it_while_it_changes() -> None:
    orchestrator = knowing(waiting(5), past(3))
    async with looking(orchestrator) as page:
        await page.get_by_role("link", name="5", exact=True).focus()
        orchestrator.answers["GetQueue"] = waiting(6)
        await page.clock.run_for(ROUND)

        await expect(page.get_by_role("link", name="6", exact=True)).to_be_focused()


@in_a_browser
@pytest.mark.timeout(60)
async def test_what_has_not_changed_is_left_alone() -> None:
    """A plot that is put there anew each time takes what a pointer rests on away."""
    orchestrator = knowing(waiting(5), past(3))
    async with looking(orchestrator) as page:
        await page.evaluate("document.querySelector('.throughput').mark = 'the same'")
        orchestrator.answers["GetQueue"] = waiting(6)
        await page.clock.run_for(ROUND)

        await expect(page.get_by_role("link", name="6", exact=True)).to_be_visible()
        assert await page.evaluate("document.querySelector('.throughput').mark") == "the same"


@in_a_browser
@pytest.mark.timeout(60)
async def test_another_span_is_shown_in_place_with_the_focus_where_it_was() -> None:
    orchestrator = knowing(waiting(5), past(3))
    async with looking(orchestrator) as page:
        await page.evaluate("globalThis.mark = 'the same page'")
        week = page.get_by_role("link", name="Week")
        await week.focus()
        await week.press("Enter")

        await expect(week).to_have_attribute("aria-current", "true")
        await expect(week).to_be_focused()
        assert page.url.endswith("?span=week")
        assert await page.evaluate("globalThis.mark") == "the same page"


@in_a_browser
@pytest.mark.timeout(60)
async def test_times_are_the_viewers_own() -> None:
    """Three quarters of an hour off Greenwich's hours, round times still stand at the axis."""
    async with looking(knowing(waiting(5), past(3))) as page:
        axis = page.locator("g.times").first.locator("text")
        await page.get_by_text("The same in numbers").click()

        await expect(axis).to_have_text(["18:00", "Sun", "6:00", "12:00"])
        await expect(page.locator("time.local").first).to_contain_text("16:45")
        await expect(page.locator(".places title").first).to_contain_text("16:45")
