"""A person's way through the dashboard with real CLIs, from the empty form to the pushed branch.

What was on the screen on the way is kept as pictures in `screenshots/`.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import CHROMIUM, keep, logged_in
from tests.support.demo import MODELS, STEPS
from tests.support.keyboard import Keyboard
from tests.support.stack import Stack, bare_repository, git, running_stack, task, until

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
SECONDS = 60_000
DESK, PHONE = 1200, 390
HELD = "do: wait-for {}\n"
"""What keeps a step from beginning before somebody looks."""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(
        tmp_path / "greeter.git",
        {"greeter.py": 'def greet(name):\n    return f"Hello, {name}!"\n'},
    )


def step(page: Page, index: int) -> Locator:
    return page.locator(".step").nth(index)


def begin(page: Page, remote: Path, runtime: str) -> None:
    """Everything about the task but its steps."""
    page.get_by_role("link", name="New task").first.click()
    page.get_by_label("Objective").fill("Teach the greeter French.")
    page.get_by_label("Repository").fill(str(remote))
    page.get_by_label("Runtime").select_option(runtime)
    page.get_by_label("Model").fill(MODELS[runtime])
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")


def add(page: Page, title: str, instructions: str) -> None:
    """One more step at the end."""
    page.get_by_role("button", name="Add a step").click()
    last = page.locator(".step").last
    last.get_by_label("Title").fill(title)
    last.get_by_label("Instructions").fill(instructions)


def titles(page: Page) -> list[str]:
    return [title.input_value() for title in page.locator("[data-path=title]").all()]


def see_a_violation_and_mend_it(page: Page) -> None:
    skill = page.locator("[data-path='skill.id']")
    step(page, 1).locator(skill).fill("No Such Name")
    said = step(page, 1).locator(".field", has=skill).locator(".said")
    expect(said).to_be_visible()
    expect(page.locator("#faults")).to_contain_text("Step 2, Skill")
    expect(step(page, 0).locator(".said:visible")).to_have_count(0)
    keep(page, "written-wrong")
    step(page, 1).locator(skill).fill("")
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")


@pytest.mark.parametrize("width", [DESK, PHONE], ids=["desk", "phone"])
def test_three_steps_are_written_watched_to_their_branch_and_read(
    browser: Browser, real: Stack, remote: Path, tmp_path: Path, width: int
) -> None:
    flag = tmp_path / "go"
    look, change, check = (dict(one) for one in STEPS)
    look["instructions"] += "\n" + HELD.format(flag) + "do: say Written down."
    with logged_in(browser, real, width=width, has_touch=width == PHONE) as page:
        begin(page, remote, "codex")
        expect(page.get_by_label("Publish", exact=True)).to_have_value("pr")
        page.get_by_label("Publish", exact=True).select_option("branch")
        for one in (change, look, check):
            add(page, one["title"], one["instructions"])
        step(page, 1).get_by_role("button", name="Move up").click()
        assert titles(page) == [one["title"] for one in STEPS]
        see_a_violation_and_mend_it(page)
        page.locator("#plan summary").first.click()
        expect(page.locator("#plan [data-prompt='0']")).to_contain_text("STEP 1/3")
        prompt = page.locator("#plan [data-prompt='0']").text_content()
        digest = page.locator("[data-digest]").inner_text()
        keep(page, f"written-{width}")

        page.get_by_role("button", name="Submit", exact=True).click()
        page.wait_for_url("**/tasks/queue/*-*-*")
        job_id = page.url.rpartition("/")[2]
        activities = page.locator("#step-0 .activities")
        expect(activities).to_contain_text("greeter.py", timeout=SECONDS)
        keep(page, f"running-{width}")
        flag.touch()
        expect(page.locator("#outcome")).to_contain_text("Branch pushed", timeout=SECONDS)
        page.locator("#step-1 > summary").click()
        page.locator("#step-1").get_by_role("tab", name="Patch").click()
        expect(page.locator("#step-1 .patch .added").first).to_contain_text("Bonjour")
        keep(page, f"done-{width}")
        branch = page.locator("#outcome code").first.inner_text()

    job = real.job(job_id)
    assert job["plan"]["digest"] == digest
    assert job["plan"]["steps"][0]["prompt"] == prompt
    assert git(remote, "rev-parse", branch) == job["publishedCommit"]
    assert "Bonjour" in git(remote, "show", f"{branch}:greeter.py")
    assert "it says Bonjour" in git(remote, "show", f"{branch}:docs/notes.md")


def test_a_task_is_written_and_stopped_in_mid_step_without_a_mouse(
    browser: Browser, real: Stack, remote: Path, tmp_path: Path
) -> None:
    script = f"do: say I look.\n{HELD.format(tmp_path / 'never')}"
    with logged_in(browser, real) as page:
        keyboard = Keyboard(page)
        keyboard.press(page.get_by_role("link", name="New task").first)
        page.wait_for_url("**/new")
        keyboard.write(page.get_by_label("Objective"), "Take a long look.")
        keyboard.write(page.get_by_label("Repository"), str(remote))
        keyboard.choose(page.get_by_label("Runtime"), "claude")
        keyboard.choose(page.get_by_label("Publish", exact=True), "none")
        keyboard.write(page.get_by_label("Model"), MODELS["claude"])
        keyboard.press(page.get_by_role("button", name="Add a step"))
        keyboard.write(page.get_by_label("Instructions"), script)
        expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/tasks/queue/*-*-*")
        job_id = page.url.rpartition("/")[2]
        expect(page.locator("#step-0 .activities")).to_contain_text("I look.", timeout=SECONDS)

        keyboard.press(page.get_by_role("button", name="Cancel…"))
        keyboard.write(page.get_by_label("Reason"), "seen enough")
        keep(page, "cancelling")
        keyboard.press(page.get_by_role("button", name="Cancel the job"))

        expect(page.locator("#outcome")).to_contain_text("none is left", timeout=SECONDS)
        keep(page, "cancelled")

    job = real.job(job_id)
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert job["cancelRequested"]["reason"] == "seen enough"
    assert job["plan"]["task"]["targetRuntime"] == "claude"


def test_a_failed_job_is_tried_again_from_its_step(
    browser: Browser, real: Stack, remote: Path, tmp_path: Path
) -> None:
    flag, seen = tmp_path / "flag", tmp_path / "seen"
    steps = (
        f"do: run echo first >> {seen}\ndo: write one.txt 1\\n",
        f"do: run echo second >> {seen}; test -e {flag} || kill -KILL $PPID\ndo: say Lived.",
    )
    job_id = real.submit(task(remote, *steps))
    real.wait(job_id)
    with logged_in(browser, real) as page:
        page.goto(f"{real.dashboard}tasks/queue/{job_id}")
        expect(page.locator("#outcome")).to_contain_text("Failed at step 1")
        expect(page.locator("#outcome")).to_contain_text("AGENT_SIGNALLED")
        keep(page, "failed")
        flag.touch()

        page.get_by_role("button", name="Try again…").click()
        expect(page.get_by_label("From").locator("option:checked")).to_contain_text("step 1")
        keep(page, "trying-again")
        page.get_by_role("button", name="Try again", exact=True).click()

        expect(page.locator("#outcome")).to_contain_text("Branch pushed", timeout=SECONDS)
        expect(page.locator("#step-1-head")).to_contain_text("attempt 2")
        keep(page, "tried-again")

    assert seen.read_text().split() == ["first", "second", "second"]
    assert git(remote, "show", f"{real.job(job_id)['workingBranch']}:one.txt") == "1"


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of one's own, to kill."""
    with running_stack(tmp_path_factory.mktemp("mortal"), agent="real") as stack:
        yield stack


@pytest.mark.parametrize("service", ["contract", "orchestrator", "runner", "dashboard"])
def test_a_page_outlives_a_service_that_is_killed_and_misses_no_event(
    browser: Browser, mortal: Stack, remote: Path, tmp_path: Path, service: str
) -> None:
    """The CLI that runs meanwhile lives on, and is not started a second time."""
    flag, seen = tmp_path / "go", tmp_path / "seen"
    steps = (f"do: run echo on >> {seen}\n{HELD.format(flag)}do: write a.txt a\\n", "do: say on")
    job_id = mortal.submit(task(remote, *steps))
    until(seen.exists, seconds=60)
    with logged_in(browser, mortal) as page:
        page.goto(f"{mortal.dashboard}tasks/queue/{job_id}")
        expect(page.locator("#step-0-head")).to_contain_text("running", timeout=SECONDS)
        killed = mortal.pids()[service]

        os.kill(killed, signal.SIGKILL)
        trouble = page.locator("#connection, #away").filter(visible=True)
        if service == "dashboard":
            # Another may be back before anybody has to be told.
            expect(trouble.first).to_be_visible(timeout=SECONDS)
            keep(page, "reconnecting")
        until(lambda: mortal.pids().get(service) not in {None, killed})
        flag.touch()

        expect(page.locator("#outcome")).to_contain_text("Branch pushed", timeout=SECONDS)
        expect(trouble).to_have_count(0, timeout=SECONDS)
        newest = mortal.job(job_id)["lastSequence"]
        events = page.locator("#events > li")
        # What became of the job may be told a moment before its last event is.
        expect(events).to_have_count(newest)
        numbers = events.evaluate_all("all => all.map(one => one.value)")
        assert numbers == list(range(1, newest + 1))
    assert seen.read_text().split() == ["on"]
