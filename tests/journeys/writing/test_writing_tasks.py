"""Tasks are written in the browser, judged while they grow, and submitted once."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.writing.form import begin, step, three_steps
from tests.support.browser import CHROMIUM, holding
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


def test_a_task_is_submitted_as_it_was_seen(page: Page, scripted: Stack) -> None:
    """The digest under the preview is that of the job, which publishes a pull request."""
    begin(page, "do: write a.txt a\\n", "do: write b.txt b\\n")
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    digest = page.locator("[data-digest]").inner_text()

    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/tasks/queue/*-*-*")

    plan = scripted.job(page.url.rpartition("/")[2])["plan"]
    assert plan["digest"] == digest
    assert plan["task"]["task"]["publish"]["mode"] == "pr"
    assert [one["prompt"].count("write a.txt") for one in plan["steps"]] == [1, 0]


def test_what_a_steps_skill_needs_is_in_the_plan(page: Page) -> None:
    begin(page, "Look.")
    step(page, 0).get_by_label("Skill", exact=True).fill("speckit")
    step(page, 0).get_by_text("The skill's arguments and needs").click()
    step(page, 0).get_by_label("Arguments").fill('{"output": "docs"}')
    step(page, 0).get_by_label("Needs").fill("Docker, node")

    needs = page.locator("#plan .needs")

    expect(needs.get_by_role("row", name="docker")).to_contain_text("task.steps[0].skill")
    expect(needs.get_by_role("row", name="node")).to_contain_text("names it for speckit")


def test_a_violation_stands_at_its_field_of_its_step(page: Page) -> None:
    begin(page, "Look around.", "Build it.")
    step(page, 1).get_by_label("Skill").first.fill("No Such Name")

    said = step(page, 1).locator(".field", has=page.get_by_label("Skill")).first.locator(".said")

    expect(said).to_be_visible()
    expect(page.locator("#faults")).to_contain_text("Step 2, Skill")
    expect(step(page, 0).locator(".said:visible")).to_have_count(0)


def test_a_lost_answer_and_a_second_click_make_one_job(page: Page, scripted: Stack) -> None:
    """The first answer is cut off after the job was stored; the page asks again by itself."""
    begin(page, "do: write once.txt once\\n", repository="owner/once")
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    answers = []

    def lose_the_first(route: Route) -> None:
        answers.append(route.fetch().json())
        if len(answers) == 1:
            route.abort()
        else:
            route.fulfill(json=answers[-1])

    page.route("**/api/tasks", lose_the_first)
    page.get_by_role("button", name="Submit", exact=True).dblclick()
    page.wait_for_url("**/tasks/queue/*-*-*")

    assert [answer["replayed"] for answer in answers] == [False, True]
    assert len({answer["jobId"] for answer in answers}) == 1


def test_a_job_is_edited_and_run_again(page: Page, scripted: Stack) -> None:
    first = scripted.submit(
        {
            "repository": "owner/again",
            "task": {"instructions": "Again.", "steps": [{"instructions": "Look."}]},
        }
    )
    page.goto(f"{scripted.dashboard}tasks/queue/new?from={first}")
    expect(page.get_by_label("Objective")).to_have_value("Again.")

    page.get_by_label("Objective").fill("Again, but better.")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/tasks/queue/*-*-*")

    again = scripted.job(page.url.rpartition("/")[2])
    assert again["jobId"] != first
    assert again["plan"]["task"]["task"]["instructions"] == "Again, but better."


def test_nothing_is_cut_off_on_a_phone(page: Page) -> None:
    three_steps(page)
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")

    page.set_viewport_size({"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    overlong = "[...document.querySelectorAll('button, summary, label')]"
    overlong += ".filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth).length"
    assert page.evaluate(overlong) == 0


def test_a_check_that_nobody_answers_is_told_and_made_again(page: Page) -> None:
    page.route("**/api/tasks/validate", lambda route: route.abort())
    begin(page)
    expect(page.locator("#standing")).to_contain_text("This cannot be checked now")

    page.unroute("**/api/tasks/validate")

    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")


def test_a_job_that_cannot_be_read_to_be_edited_is_read_by_a_reload(
    page: Page, scripted: Stack
) -> None:
    """The address had forgotten it, and the form stayed empty."""
    first = scripted.submit({"repository": "owner/again", "task": {"instructions": "Again."}})
    page.route("**/task", lambda route: route.abort())
    page.goto(f"{scripted.dashboard}tasks/queue/new?from={first}")
    expect(page.locator("#told")).to_have_text("The dashboard does not answer.")
    page.unroute("**/task")

    page.reload()

    expect(page.get_by_label("Objective")).to_have_value("Again.")
    expect(page).to_have_url(f"{scripted.dashboard}tasks/queue/new")


def test_what_is_written_while_a_submit_is_under_way_stays_a_draft(
    page: Page, scripted: Stack
) -> None:
    begin(page)
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    request = holding(page, "**/api/tasks")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator("#told")).to_have_text("Submitting…")

    page.get_by_label("Objective").fill("Something else by now.")
    request().continue_()
    page.wait_for_url("**/tasks/queue/*-*-*")

    page.goto(f"{scripted.dashboard}tasks/queue/new")
    expect(page.get_by_label("Objective")).to_have_value("Something else by now.")


def test_another_plan_than_the_one_seen_is_not_stored(page: Page) -> None:
    """As when somebody changes the deployment's default while the form is open."""
    begin(page)
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")

    def changed(route: Route) -> None:
        asked = json.loads(route.request.post_data or "{}")
        route.continue_(post_data={**asked, "expectedDigest": "0" * 64})

    page.route("**/api/tasks", changed)
    page.get_by_role("button", name="Submit", exact=True).click()

    expect(page.locator("#told")).to_contain_text("The plan has changed since you saw it")
    assert page.url.endswith("/tasks/queue/new")


def test_everything_on_the_form_has_a_name(page: Page) -> None:
    begin(page, "Look.")
    nameless = """
        [...document.querySelectorAll("main :is(input, select, textarea, button, summary)")].filter(
            (one) => !(one.labels?.[0]?.textContent ?? one.ariaLabel ?? one.textContent).trim()
                && !one.getAttribute("aria-labelledby")
        ).map((one) => one.outerHTML)
    """

    assert page.evaluate(nameless) == []


def test_a_submit_that_takes_long_says_for_how_long(page: Page) -> None:
    """The word of it once went by itself while the orchestrator was still being asked."""
    begin(page)
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    request = holding(page, "**/api/tasks")
    page.clock.install()

    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator("#told")).to_have_text("Submitting…")
    page.clock.run_for(20_000)

    # The clock goes on by itself beside.
    expect(page.locator("#told")).to_have_text(re.compile(r"Submitting… 2\d s"))
    request().fulfill(status=503, json={"message": "Nobody is there.", "reason": "UNAVAILABLE"})
    expect(page.locator("#told")).to_contain_text("asking again")
