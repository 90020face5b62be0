"""One job in the browser: watched live, cancelled, tried again, written anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, browsing
from tests.support.stack import Stack, bare_repository, task

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
SECONDS = 30_000
CANCEL_SECONDS = 26_000


@pytest.fixture
def page(scripted: Stack) -> Iterator[Page]:
    """A browser that has logged in."""
    with browsing(scripted) as page:
        yield page


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\nworld\n"})


def look_at(page: Page, stack: Stack, job_id: str) -> None:
    page.goto(f"{stack.dashboard}tasks/queue/{job_id}")


def assert_every_event_once(page: Page, stack: Stack, job_id: str) -> None:
    """What became of the job may be told a moment before its last event is."""
    newest = stack.job(job_id)["lastSequence"]
    events = page.locator("#events > li")
    expect(events).to_have_count(newest)
    numbers = events.evaluate_all("items => items.map(item => item.value)")
    assert numbers == list(range(1, newest + 1))


def test_a_running_step_is_seen_live_and_cancelled_with_a_receipt(
    page: Page, scripted: Stack, remote: Path
) -> None:
    job_id = scripted.submit(
        task(remote, "do: say looking around\ndo: stderr careful\ndo: sleep 300", publish="none")
    )
    look_at(page, scripted, job_id)

    expect(page.locator("#step-0 .activities")).to_contain_text("looking around", timeout=SECONDS)
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#step-0 .log .stderr")).to_have_text("careful")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_label("Reason").fill("seen enough")
    page.get_by_role("button", name="Cancel the job").click()

    expect(page.locator("#outcome")).to_contain_text("none is left", timeout=CANCEL_SECONDS)
    expect(page.locator("#outcome")).to_contain_text("seen enough")
    expect(page.get_by_role("link", name="receipts/cancel.json")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel…")).to_have_count(0)


def test_what_a_step_wrote_and_changed_is_read_from_its_artifacts(
    page: Page, scripted: Stack, remote: Path
) -> None:
    script = "do: say <b>bold</b>\ndo: write hello.txt changed\\nworld\\n"
    job_id = scripted.submit(task(remote, script, publish="none"))
    scripted.wait(job_id)
    look_at(page, scripted, job_id)

    page.locator("#step-0 > summary").click()
    expect(page.locator("#step-0 .activities")).to_contain_text("<b>bold</b>")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#step-0 .log")).to_contain_text("<b>bold</b>")
    page.get_by_label("Find in log of step 0").fill("bold")
    expect(page.locator("#step-0 .log .at")).to_contain_text("<b>bold</b>")
    page.get_by_role("tab", name="Patch").click()
    expect(page.get_by_role("group", name="Changes of hello.txt")).to_be_visible()
    expect(page.locator(".patch .removed")).to_have_text("-hello")
    expect(page.locator(".patch .added")).to_have_text("+changed")
    page.get_by_role("tab", name="Prompt").click()
    plan = scripted.job(job_id)["plan"]
    assert page.locator("#step-0 .prompt").text_content() == plan["steps"][0]["prompt"]

    with page.expect_download() as saving:
        page.get_by_role("link", name="patches/changes.patch").last.click()
    assert saving.value.path().read_bytes() == scripted.artifact(job_id, "patches/changes.patch")


def test_a_failed_job_says_why_and_is_tried_again_from_a_step(
    page: Page, scripted: Stack, remote: Path
) -> None:
    job_id = scripted.submit(
        task(remote, "do: write a.txt a\\n", "do: say oh no\ndo: exit 3", publish="none")
    )
    scripted.wait(job_id)
    look_at(page, scripted, job_id)

    expect(page.locator("#outcome")).to_contain_text("AGENT_EXIT")
    expect(page.locator("#outcome")).to_contain_text("What to do:")
    expect(page.locator("#step-1")).to_have_attribute("open", "")
    page.get_by_role("button", name="Try again…").click()
    page.get_by_label("From").select_option("0")
    page.get_by_role("button", name="Try again", exact=True).click()

    expect(page.locator("#events")).to_contain_text("job.retried", timeout=SECONDS)
    scripted.wait(job_id)
    expect(page.locator("#step-0-head")).to_contain_text("attempt 2", timeout=SECONDS)


def test_a_step_that_somebody_reads_stays_open_when_the_next_one_starts(
    page: Page, scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    """The log that somebody searched was folded away under their hands."""
    flag, end = tmp_path / "go", tmp_path / "end"
    script = f"do: say hello\ndo: wait-for {flag}"
    job_id = scripted.submit(task(remote, script, f"do: wait-for {end}", publish="none"))
    look_at(page, scripted, job_id)
    expect(page.locator("#step-0 .activities")).to_contain_text("hello", timeout=SECONDS)
    page.locator("#step-0").get_by_role("tab", name="Log").click()
    flag.touch()
    expect(page.locator("#step-1-head")).to_contain_text("running", timeout=SECONDS)
    expect(page.locator("#events")).to_contain_text("step 1")

    expect(page.locator("#step-0 .log")).to_be_visible()
    expect(page.locator("#step-1")).not_to_have_attribute("open", "")
    end.touch()


def test_a_job_is_written_anew_with_its_own_task(page: Page, scripted: Stack, remote: Path) -> None:
    job_id = scripted.submit(task(remote, "do: say one", "do: say two", publish="none"))
    scripted.wait(job_id)
    look_at(page, scripted, job_id)

    page.get_by_role("link", name="Edit and run again").click()

    expect(page.get_by_label("Objective")).to_have_value("Do as the script says.")
    expect(page.get_by_label("Repository")).to_have_value(str(remote))
    expect(page.get_by_label("Instructions").nth(1)).to_have_value("do: say two")


def test_a_page_whose_connection_was_lost_says_so_and_misses_no_event(
    page: Page, scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    flag = tmp_path / "go"
    job_id = scripted.submit(task(remote, f"do: wait-for {flag}", "do: say on", publish="none"))
    look_at(page, scripted, job_id)
    expect(page.locator("#step-0-head")).to_contain_text("running", timeout=SECONDS)

    page.route("**/stream*", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#connection")).to_contain_text("reconnecting")
    flag.touch()
    scripted.wait(job_id)
    page.unroute("**/stream*")

    expect(page.locator("#outcome")).to_contain_text("Done", timeout=SECONDS)
    expect(page.locator("#connection")).to_be_hidden()
    assert_every_event_once(page, scripted, job_id)


def test_a_page_that_nobody_sees_rests_and_catches_up(
    page: Page, scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    flag = tmp_path / "go"
    job_id = scripted.submit(task(remote, f"do: wait-for {flag}", "do: say on", publish="none"))
    page.clock.install()
    look_at(page, scripted, job_id)
    expect(page.locator("#step-0-head")).to_contain_text("running", timeout=SECONDS)

    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.clock.fast_forward("00:25")
    flag.touch()
    scripted.wait(job_id)
    unseen = page.locator("#outcome").inner_text()
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("#outcome")).to_contain_text("Done", timeout=SECONDS)
    assert "Running step 0" in unseen
    assert_every_event_once(page, scripted, job_id)
