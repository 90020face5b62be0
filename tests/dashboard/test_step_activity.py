"""What an agent did, as the page of its job shows it while it runs and afterwards."""

import json
from collections.abc import Mapping

import pytest
from playwright.async_api import expect

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import (
    ScriptedOrchestrator,
    Silence,
    activity,
    event,
    job,
)

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
PATH = "logs/steps/step-0000.activity.jsonl"
PART = 256 * 1024
PIECE = 64 * 1024


def kept(*deeds: Mapping[str, object]) -> bytes:
    """The artifact that holds them, in order."""
    lines = [json.dumps({"index": index, **deed}) for index, deed in enumerate(deeds)]
    return "".join(f"{line}\n" for line in lines).encode()


def ended(text: bytes, *, read_from: tuple[int, ...] = (0,)) -> ScriptedOrchestrator:
    """A job that has ended, of whose first step that is kept."""
    orchestrator = knowing(job("SUCCEEDED", last_sequence=1), [event(1, "job.succeeded")], [])
    artifact = job_pb2.Artifact(path=PATH, size_bytes=len(text), sha256="ab" * 32)
    orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(artifacts=[artifact])
    for begin in read_from:
        offsets = range(begin, len(text), PIECE)
        orchestrator.reads.append(
            [pb.ReadArtifactResponse(offset=at, data=text[at : at + PIECE]) for at in offsets]
        )
    return orchestrator


async def test_a_step_that_has_ended_opens_to_what_its_agent_did() -> None:
    text = kept(
        {"kind": "session", "text": "untold", "createTime": "2026-03-01T22:30:00Z"},
        {"kind": "tool_call", "text": "ls -la", "createTime": "2026-03-01T22:30:01Z"},
        {"kind": "file_change", "path": "a.txt", "createTime": "2026-03-01T22:30:02Z"},
        {"kind": "error", "text": "<b>no</b>\u202e", "errorClass": "auth"},
    )
    async with looking(ended(text)) as (page, faults, _):
        await page.locator("#step-0 > summary").click()
        rows = page.locator("#step-0 .activities li")
        await rows.nth(2).wait_for()
        said = await rows.locator(".kind").all_inner_texts()
        told = await rows.locator(".said").all_inner_texts()
        times = await rows.locator("time").evaluate_all("all => all.map(one => one.dateTime)")

    assert said == ["tool call", "file change", "error: auth"]
    assert [one.strip() for one in told] == ["ls -la", "a.txt", "<b>no</b>\u27e6U+202E\u27e7"]
    assert times == ["2026-03-01T22:30:01Z", "2026-03-01T22:30:02Z", ""]
    assert faults == []


async def test_it_is_read_from_its_end_and_as_far_back_as_somebody_asks() -> None:
    text = kept(*({"kind": "message", "text": f"deed {number}"} for number in range(8_000)))
    orchestrator = ended(text, read_from=(len(text) - PART, 0))
    async with looking(orchestrator) as (page, *_):
        await page.locator("#step-0 > summary").click()
        rows = page.locator("#step-0 .activities li")
        await expect(rows.last).to_contain_text("deed 7999")
        some = await rows.count()
        earlier = page.get_by_role("button", name="Load earlier")
        await earlier.click()
        await earlier.wait_for(state="hidden")

        await expect(rows).to_have_count(8_000)
        await expect(rows.first).to_contain_text("deed 0")
    assert 1_000 < some < 8_000


async def test_what_was_missed_of_a_running_step_comes_once_it_has_ended() -> None:
    """Whoever came late saw the rest of it only, and nothing of before for ever."""
    past = [event(1, "job.submitted"), event(2, "task.step.started", step_index=0, attempt=1)]
    live = [activity(3, "late"), event(3, "task.step.finished", step_index=0, attempt=1)]
    orchestrator = knowing(job("RUNNING", last_sequence=2), past, [*live, Silence])
    text = kept(*({"kind": "message", "text": word} for word in ("a", "b", "c", "late")))
    whole = ended(text)
    orchestrator.answers["ListArtifacts"] = whole.answers["ListArtifacts"]
    orchestrator.reads = whole.reads
    async with looking(orchestrator) as (page, *_):
        rows = page.locator("#step-0 .activities li")

        await expect(rows).to_have_count(4)
        assert await rows.locator(".said").all_inner_texts() == ["a", "b", "c", "late"]


async def test_where_nothing_was_kept_the_page_says_so() -> None:
    orchestrator = knowing(job("SUCCEEDED", last_sequence=1), [event(1, "job.succeeded")], [])
    async with looking(orchestrator) as (page, *_):
        await page.locator("#step-0 > summary").click()
        await page.get_by_role("tab", name="Activity").click()

        await expect(page.get_by_role("tabpanel")).to_contain_text("Nothing of what its agent did")


async def test_what_an_agent_did_is_searched_what_is_loaded_later_too() -> None:
    text = kept(*({"kind": "message", "text": f"deed {number}"} for number in range(8_000)))
    orchestrator = ended(text, read_from=(len(text) - PART, 0))
    async with looking(orchestrator) as (page, *_):
        await page.locator("#step-0 > summary").click()
        box = page.locator("#step-0 .activities")
        await expect(box.locator("li").last).to_contain_text("deed 7999")
        find = page.get_by_label("Find in Activity of step 0")
        await find.fill("DEED 799")
        await expect(box.locator(".hit")).to_have_count(10)
        await expect(box.locator(".at")).to_contain_text("deed 7990")
        await find.press("Shift+Enter")
        await expect(box.locator(".at")).to_contain_text("deed 7999")
        await expect(page.get_by_text("10 of 10")).to_be_visible()

        await page.get_by_role("button", name="Load earlier").click()
        await page.get_by_role("tabpanel", name="Activity").get_by_label("Only these").check()

        shown = box.locator("li:visible .said")
        await expect(shown).to_have_count(11)
        await expect(shown.first).to_have_text("deed 799")
        await find.fill("")
        await expect(shown).to_have_count(8_000)
