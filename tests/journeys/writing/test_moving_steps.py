"""Steps move, double and go, with all that is written in them."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.writing.form import begin, step, three_steps, titles
from tests.support.browser import CHROMIUM, logged_in
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


@pytest.mark.parametrize("way", ["buttons", "keys", "grip", "drag"])
def test_steps_move_with_all_that_is_typed_in_them(page: Page, way: str) -> None:
    """Also a text that is no JSON yet; and the focus stays where it was."""
    three_steps(page)
    first = step(page, 0)
    first.get_by_text("The skill's arguments").click()
    first.get_by_label("Arguments").fill('{"depth": ')

    match way:
        case "buttons":
            first.get_by_role("button", name="Move down").click()
            step(page, 1).get_by_role("button", name="Move down").click()
        case "keys":
            first.get_by_label("Arguments").press("Alt+ArrowDown")
            page.keyboard.press("Alt+ArrowDown")
            expect(step(page, 2).get_by_label("Arguments")).to_be_focused()
        case "grip":
            first.get_by_role("button", name="Move the step").press("ArrowDown")
            page.keyboard.press("ArrowDown")
            expect(step(page, 2).get_by_role("button", name="Move the step")).to_be_focused()
        case _:
            drag(page, 0, 2)

    assert titles(page) == ["b", "c", "a"]
    expect(step(page, 2).get_by_label("Arguments")).to_have_value('{"depth": ')
    expect(page.locator("#faults")).to_contain_text("Step 3, Arguments, as JSON")


def drag(page: Page, index: int, onto: int) -> None:
    page.locator("#steps").scroll_into_view_if_needed()
    page.set_viewport_size({"width": 1200, "height": 1800})
    box = step(page, index).get_by_role("button", name="Move the step").bounding_box()
    goal = step(page, onto).bounding_box()
    assert box
    assert goal
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, goal["y"] + goal["height"] - 5, steps=12)
    page.mouse.up()


def test_a_finger_at_the_edge_moves_a_step_beyond_what_a_phone_shows(
    browser: Browser, scripted: Stack
) -> None:
    with logged_in(browser, scripted, width=390, height=700, has_touch=True) as page:
        page.goto(f"{scripted.dashboard}tasks/queue/new")
        three_steps(page)
        grip = step(page, 0).get_by_role("button", name="Move the step")
        grip.evaluate("(one) => scrollBy(0, one.getBoundingClientRect().top - 120)")
        box = grip.bounding_box()
        assert box
        finger = page.context.new_cdp_session(page)

        def touch(kind: str, *at: float) -> None:
            points = [{"x": box["x"] + 5, "y": y} for y in at]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", box["y"] + 5)
        for y in range(150, 700, 50):
            touch("touchMove", y)
        expect(step(page, 0).get_by_label("Title")).to_have_value("b")
        touch("touchEnd")

        assert titles(page) in (["b", "a", "c"], ["b", "c", "a"])


def test_escape_puts_a_dragged_step_back(page: Page) -> None:
    three_steps(page)
    page.set_viewport_size({"width": 1200, "height": 1800})
    box = step(page, 0).get_by_role("button", name="Move the step").bounding_box()
    goal = step(page, 2).bounding_box()
    assert box
    assert goal
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, goal["y"] + goal["height"] - 5, steps=12)
    assert titles(page) == ["b", "c", "a"]

    page.keyboard.press("Escape")

    assert titles(page) == ["a", "b", "c"]
    page.mouse.up()


def test_a_step_is_duplicated_and_a_removed_one_comes_back(page: Page) -> None:
    three_steps(page)

    step(page, 0).get_by_role("button", name="Duplicate").click()
    step(page, 2).get_by_role("button", name="Remove").click()
    without = titles(page)
    page.get_by_role("button", name="Undo").click()

    assert without == ["a", "a", "c"]
    assert titles(page) == ["a", "a", "b", "c"]
    expect(step(page, 2).get_by_label("Instructions")).to_have_value("Build.")


def test_a_blank_step_is_gone_to_instead_of_joined_by_another(page: Page) -> None:
    """And nothing is submitted while there is one."""
    begin(page, "Look.")
    page.get_by_role("button", name="Add a step").click()
    page.get_by_label("Objective").focus()

    page.get_by_role("button", name="Add a step").click()

    expect(page.locator(".step")).to_have_count(2)
    expect(step(page, 1).get_by_label("Instructions")).to_be_focused()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(step(page, 1).locator("[data-said-step]")).to_be_visible()
    expect(page.locator("#standing")).to_have_text("Still missing: the instructions of step 2.")
    assert page.url.endswith("/tasks/queue/new")
