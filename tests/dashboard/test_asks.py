"""What becomes of a job's page when somebody has asked something of the job, in a real browser."""

import pytest
from playwright.async_api import expect

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import FailedPrecondition
from services.dashboard import watched
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import Silence, event, job

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


async def test_the_focus_of_a_dialog_goes_to_the_content_where_its_button_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watched, "RENEWED_SECONDS", 0.2)
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator) as (page, *_):
        await page.get_by_role("button", name="Cancel…").click()
        ended = job("SUCCEEDED", last_sequence=1)
        orchestrator.answers["GetJob"] = pb.GetJobResponse(job=ended)
        await expect(page.locator("#do-cancel")).to_have_count(0)
        await page.keyboard.press("Escape")

        await expect(page.locator("main")).to_be_focused()


async def test_who_was_too_late_to_try_again_sees_what_the_job_does_by_now() -> None:
    """The page showed a failed job, and a refusal, for as long as it was open."""
    orchestrator = knowing(
        job("FAILED", last_sequence=2, attempt=1), [event(1), event(2, "job.failed")], []
    )
    async with looking(orchestrator) as (page, _, streams):
        await page.get_by_role("button", name="Try again…").click()
        while streams.watched:
            streams.forget(orchestrator.answers["GetJob"].job.job_id)  # type: ignore[union-attr]
        opened = job("RUNNING", last_sequence=3, attempt=2)
        orchestrator.answers["GetJob"] = pb.GetJobResponse(job=opened)
        refusal = FailedPrecondition("ATTEMPT_STALE", "Somebody has tried again already.")
        orchestrator.answers["RetryJob"] = refusal
        again = event(3, "job.retried")
        orchestrator.streams = [[event(1), event(2, "job.failed"), again], [Silence]]
        await page.get_by_role("button", name="Try again", exact=True).click()

        await expect(page.locator("#retry [role=alert]")).to_contain_text("already")
        await expect(page.locator("#state")).to_have_text("Running")
        await expect(page.locator("#events")).to_contain_text("job.retried")
