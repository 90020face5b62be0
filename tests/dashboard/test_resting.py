"""When a job's page follows its job, and when it lets go of it, in a real browser."""

import asyncio

import pytest

from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import JOB_ID, Silence, event, job

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_page_that_is_hidden_for_a_while_gives_its_connection_back() -> None:
    """Browsers open but six to one host; tabs in the background must not take them all."""
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator, clock=True) as (page, _, streams):
        await page.locator("#events li").wait_for(state="attached")
        await page.evaluate(HIDE, True)
        await page.clock.fast_forward("00:10")
        after_ten = streams.viewers
        await page.clock.fast_forward("00:11")
        async with asyncio.timeout(10):
            while streams.viewers:  # noqa: ASYNC110 - the connection ends in its own time
                await asyncio.sleep(0.02)
        await page.evaluate(HIDE, False)
        async with asyncio.timeout(10):
            while not streams.viewers:  # noqa: ASYNC110 - and comes in its own
                await asyncio.sleep(0.02)

    assert after_ten == 1


async def test_a_page_whose_session_is_over_leads_to_the_login_and_back() -> None:
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator) as (page, _, streams):
        await page.locator("#events li").wait_for(state="attached")
        await page.context.clear_cookies()
        streams.leave()

        await page.wait_for_url(f"**/login?next=%2Ftasks%2Fqueue%2F{JOB_ID}")


async def test_a_page_that_is_opened_in_the_background_waits_until_it_is_seen() -> None:
    """Six of them, opened one after the other, took every connection that a browser makes."""
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator, script=f"({HIDE})(true)") as (page, _, streams):
        await page.evaluate("dispatchEvent(new Event('online'))")
        await page.wait_for_load_state("networkidle")
        watched_unseen = streams.watched
        await page.evaluate(HIDE, False)
        await page.locator("#events li").wait_for(state="attached")

    assert watched_unseen == 0
