"""What is written stays in the browser until it is submitted, or its writer removes it."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.writing.form import begin, step, three_steps, titles
from tests.support.browser import CHROMIUM, holding
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


def test_a_draft_survives_a_reload(page: Page) -> None:
    three_steps(page)
    step(page, 1).get_by_text("The skill's arguments").click()
    step(page, 1).get_by_label("Arguments").fill("{no json")

    page.reload()

    assert titles(page) == ["a", "b", "c"]
    expect(step(page, 1).get_by_label("Arguments")).to_have_value("{no json")
    expect(page.locator("#faults")).to_contain_text("Step 2, Arguments, as JSON")


def test_what_is_written_before_the_script_is_there_stays(page: Page, scripted: Stack) -> None:
    """On a slow line the first words once vanished as the script came."""
    script = holding(page, "**/static/new.js")
    page.goto(f"{scripted.dashboard}tasks/queue/new", wait_until="commit")
    page.get_by_label("Objective").fill("Written early.")
    page.get_by_label("Repository").fill("owner/repo")
    page.get_by_label("Runtime").select_option("gemini")

    script().continue_()

    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    expect(page.get_by_label("Objective")).to_have_value("Written early.")
    expect(page.locator("#plan .needs")).to_contain_text("gemini")


def test_another_tab_is_offered_what_was_left(page: Page, scripted: Stack) -> None:
    """It does not write over it unasked."""
    begin(page, "Look.")
    # What is written is kept a moment later, and what is wrong with it told later still.
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    other = page.context.new_page()
    other.goto(f"{scripted.dashboard}tasks/queue/new")
    expect(other.get_by_label("Objective")).to_have_value("")

    other.get_by_role("button", name="Continue it").click()

    expect(other.get_by_label("Objective")).to_have_value("Do as the script says.")
    expect(step(other, 0).get_by_label("Instructions")).to_have_value("Look.")


def test_a_session_that_ends_takes_no_draft_with_it(page: Page, scripted: Stack) -> None:
    begin(page, "Look.")
    # Its last check has been answered: else that one finds the session gone, and leaves the page.
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    page.context.clear_cookies()
    step(page, 0).get_by_label("Title").fill("Around")
    page.wait_for_url("**/login?next=*")

    page.goto(scripted.dashboard_link)
    page.wait_for_url("**/tasks/queue")
    page.goto(f"{scripted.dashboard}tasks/queue/new")

    expect(step(page, 0).get_by_label("Title")).to_have_value("Around")


def log_out(page: Page) -> Locator:
    page.get_by_role("button", name="Log out", exact=True).click()
    return page.get_by_role("dialog", name="Remove what you wrote?")


def test_who_logs_out_may_remove_all_drafts(page: Page, scripted: Stack) -> None:
    """Those of other tabs too; and no page that is still open writes its own down again."""
    begin(page, "Look.")
    other = page.context.new_page()
    other.goto(f"{scripted.dashboard}tasks/queue/new")
    other.get_by_label("Objective").fill("Of another tab.")
    expect(other.locator("#standing")).to_contain_text("Still missing")
    page.bring_to_front()
    page.get_by_label("Objective").fill("The last words of it.")

    asked = log_out(page)
    expect(asked).to_contain_text("2 drafts of tasks")
    asked.get_by_role("button", name="Remove it and log out").click()
    page.wait_for_url("**/login")
    other.get_by_role("link", name="Runners").click()
    other.wait_for_url("**/login?next=/runners")

    drafts = "Object.keys(localStorage).filter((key) => key.startsWith('pawl.draft'))"
    assert page.evaluate(drafts) == other.evaluate(drafts) == []
    page.goto(scripted.dashboard_link)
    page.wait_for_url("**/tasks/queue")
    page.goto(f"{scripted.dashboard}tasks/queue/new")
    expect(page.get_by_label("Objective")).to_have_value("")
    expect(page.locator("#drafts")).to_be_hidden()


def test_who_logs_out_may_keep_the_drafts_or_stay(page: Page, scripted: Stack) -> None:
    begin(page, "Look.")
    log_out(page).get_by_role("button", name="Stay").click()
    expect(page.get_by_label("Objective")).to_be_visible()
    page.goto(f"{scripted.dashboard}runners")

    asked = log_out(page)
    expect(asked).to_contain_text("a draft of a task")
    asked.get_by_role("button", name="Keep it and log out").click()
    page.wait_for_url("**/login")

    page.goto(scripted.dashboard_link)
    page.wait_for_url("**/tasks/queue")
    page.goto(f"{scripted.dashboard}tasks/queue/new")
    expect(page.get_by_label("Objective")).to_have_value("Do as the script says.")


def test_who_has_written_nothing_is_logged_out_at_once(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()

    page.wait_for_url("**/login")


def test_drafts_are_kept_where_logging_out_fails(page: Page) -> None:
    begin(page, "Look.")
    page.route("**/logout", lambda route: route.abort())

    log_out(page).get_by_role("button", name="Remove it and log out").click()

    expect(page.locator("#connection")).to_contain_text("You are still logged in")
    page.reload()
    expect(page.get_by_label("Objective")).to_have_value("Do as the script says.")


def test_who_logs_out_ends_at_the_login_whatever_the_page_asks_meanwhile(
    page: Page, scripted: Stack
) -> None:
    """A list that was just being brought up to date led to the login for those who come back."""
    runners = f"{scripted.dashboard}runners"
    page.goto(runners)
    renewal, login = holding(page, runners), holding(page, "**/login")
    asked = renewal()
    page.get_by_role("button", name="Log out").click(no_wait_after=True)
    going = login()

    # What is asked for next tells that the page has made of the answer what it makes of it.
    with page.expect_request(runners):
        asked.continue_()
    going.continue_()

    page.wait_for_url("**/login")
