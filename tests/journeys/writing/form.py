"""Writes into the form of a new task as a person would."""

from playwright.sync_api import Locator, Page, expect


def begin(page: Page, *steps: str, repository: str = "owner/repo") -> None:
    page.get_by_label("Objective").fill("Do as the script says.")
    page.get_by_label("Repository").fill(repository)
    for instructions in steps:
        page.get_by_role("button", name="Add a step").click()
        page.get_by_label("Instructions").last.fill(instructions)


def step(page: Page, index: int) -> Locator:
    return page.locator(".step").nth(index)


def more(page: Page) -> None:
    page.locator("#more > summary").click()


def queue(page: Page) -> None:
    more(page)
    page.get_by_label("Priority").fill("-7")
    page.get_by_label("Attempts at most").fill("9")
    page.get_by_label("Labels").fill("team=payments\nnote=a = b")


def submit(page: Page) -> None:
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/tasks/queue/*-*-*")


def titles(page: Page) -> list[str]:
    return [title.input_value() for title in page.locator("[data-path=title]").all()]


def three_steps(page: Page) -> None:
    begin(page, "Look.", "Build.", "Tidy.")
    for index, title in enumerate("abc"):
        step(page, index).get_by_label("Title").fill(title)
