"""A task written into the form by hand is the task that a file says, to the last character."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.writing.form import more, step, submit
from tests.support.browser import CHROMIUM
from tests.support.keyboard import Keyboard
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

FILE = """\
repository: owner/by-hand
targetRuntime: claude
requiredCapabilities: [gpu]
task:
  instructions: |-
    Give the command line a --version option.
      It says "größer", too.
  runtime: {model: large, effort: high}
  skill: {id: house, args: {strict: true}}
  git: {startingBranch: develop, newBranch: add-version}
  publish: {prBaseBranch: main, prTitle: Add --version, commitMessage: Add it}
  limits: {stepTimeoutSeconds: 1200, maxTokens: 500000, maxCostUsd: 2.5}
  steps:
    - title: Look around
      instructions: Find where options are read.
    - id: build
      title: Build it
      skill: {id: speckit, args: {output: docs, depth: [1, {two: null}]}, requiredCapabilities: [Docker, node]}
    - instructions: Run all tests.
      skill: {id: tester, requiredCapabilities: [node, postgres]}
"""  # noqa: E501 - a flow of YAML


def by_mouse(page: Page) -> None:
    """The task but its steps; fields are clicked and typed into, key by key."""
    more(page)
    for label, text in (
        ("Objective", 'Give the command line a --version option.\n  It says "größer", too.'),
        ("Repository", "owner/by-hand"),
        ("Model", "large"),
        ("Effort", "high"),
        ("Starting branch", "develop"),
        ("New branch", "add-version"),
        ("Into the branch", "main"),
        ("Title of the pull request", "Add --version"),
        ("Commit message", "Add it"),
        ("A step, seconds", "1200"),
        ("Tokens", "500000"),
        ("Cost, US dollars", "2.5"),
    ):
        page.get_by_label(label).click()
        page.keyboard.type(text)
    page.get_by_label("Runtime").select_option("claude")
    for path, text in (
        ("task.skill.id", "house"),
        ("task.skill.args", '{"strict": true}'),
        ("requiredCapabilities", "gpu"),
    ):
        page.locator(f"[data-path='{path}']").click()
        page.keyboard.type(text)


def by_keyboard(page: Page) -> None:
    """Its steps, without the mouse; the last is written first and moved to its place."""
    keyboard = Keyboard(page)
    add = page.get_by_role("button", name="Add a step")
    write(keyboard, page, 0, add, instructions="Run all tests.", skill="tester")
    keyboard.press(step(page, 0).locator("summary"))
    keyboard.write(step(page, 0).get_by_label("Needs"), "node, postgres")
    write(keyboard, page, 1, add, title="Look around", instructions="Find where options are read.")
    page.keyboard.press("Alt+ArrowUp")
    write(keyboard, page, 2, add, title="Build it", id="build", skill="speckit")
    keyboard.press(step(page, 2).locator("summary"))
    arguments = '{"output": "docs", "depth": [1, {"two": null}]}'
    keyboard.write(step(page, 2).get_by_label("Arguments"), arguments)
    keyboard.write(step(page, 2).get_by_label("Needs"), "Docker node")
    page.keyboard.press("Alt+ArrowUp")


def write(keyboard: Keyboard, page: Page, index: int, add: Locator, **texts: str) -> None:
    keyboard.press(add)
    for name, text in texts.items():
        path = "skill.id" if name == "skill" else name
        keyboard.write(step(page, index).locator(f"[data-path='{path}']"), text)


def test_the_form_and_a_file_make_the_same_task(
    page: Page, scripted: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(FILE)
    planned = json.loads(scripted.pawl("validate", "--json", str(file)).stdout)["plan"]
    by_file = scripted.job(scripted.pawl("submit", str(file)).stdout.strip())

    by_mouse(page)
    by_keyboard(page)
    expect(page.locator("[data-digest]")).to_have_text(planned["digest"])
    submit(page)
    by_hand = scripted.job(page.url.rpartition("/")[2])

    assert by_hand["jobId"] != by_file["jobId"]
    for job in (by_file, by_hand):
        assert job["plan"] == planned
    assert planned["task"]["task"]["publish"]["mode"] == "pr"
    assert [one["title"] for one in by_hand["steps"]][:2] == ["Look around", "Build it"]


def test_what_each_steps_skill_needs_is_told_with_its_step(page: Page) -> None:
    page.get_by_label("Objective").fill("Build it.")
    page.get_by_label("Repository").fill("owner/by-hand")
    by_keyboard(page)

    needs = page.locator("#plan .needs")

    for name, reasons in (
        ("docker", ["task.steps[1].skill"]),
        ("node", ["task.steps[1].skill", "task.steps[2].skill"]),
        ("postgres", ["task.steps[2].skill"]),
        ("gh", ["task.publish.mode is pr"]),
    ):
        row = needs.get_by_role("row", name=name)
        for reason in reasons:
            expect(row).to_contain_text(reason)
