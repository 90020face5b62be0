"""Every page can be used by everybody: judged by axe, in light and dark, wide and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support import pages
from tests.support.browser import CHROMIUM
from tests.support.stack import Stack, bare_repository, task

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

SETTLED = 800
"""Milliseconds until what a page asks for by itself is there."""


@pytest.fixture(scope="module")
def jobs(scripted: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A job that landed, one that failed, one that waits and one that runs."""
    remote = bare_repository(tmp_path_factory.mktemp("pages") / "r.git", {"hello.txt": "hello\n"})
    scripts = {"done": "do: write a.txt x", "failed": "do: exit 3", "running": "do: sleep 300"}
    found = {name: scripted.submit(task(remote, script)) for name, script in scripts.items()}
    found["waiting"] = scripted.submit(
        task(remote, "do: say x", instructions="Go."), priority=-1000
    )
    for name in ("done", "failed"):
        scripted.wait(found[name])
    scripted.wait_for_event(found["running"], "task.step.started")
    yield found
    scripted.pawl("cancel", found["running"], "--wait")


def judged(page: Page) -> list[tuple[str, str, str]]:
    """What keeps somebody from using the page: how badly, by which rule, where."""
    page.wait_for_timeout(SETTLED)
    found: dict[str, Any] = page.evaluate(pages.axe() + "; axe.run()")
    return [
        (violation["impact"], violation["id"], violation["nodes"][0]["html"][:200])
        for violation in found["violations"]
    ]


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(
    scripted: Stack, jobs: dict[str, str], browser: Browser, scheme: Any, width: int, tmp_path: Path
) -> None:
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        # What judges is no script of ours.
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(f"{scripted.dashboard}login")
    found = {"login": judged(page)}
    page.goto(scripted.dashboard_link)
    page.wait_for_url("**/tasks/queue")
    places = {name: f"tasks/queue/{job_id}" for name, job_id in jobs.items()}
    places |= {"jobs": "tasks/queue", "new": "tasks/queue/new", "runners": "runners"}
    places |= {"queue": "queue", "nowhere": "no/such/page"}
    for name, place in places.items():
        page.goto(f"{scripted.dashboard}{place}")
        found[name] = judged(page)
        page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide"
    context.close()

    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_link_logs_in_where_the_login_page_is_open_already(
    scripted: Stack, browser: Browser
) -> None:
    """A link that changes nothing but what is behind the # once did nothing at all."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{scripted.dashboard}login")

    page.goto(scripted.dashboard_link)

    page.wait_for_url("**/tasks/queue")
    context.close()


def test_a_link_logs_in_that_spells_its_token_as_links_do(
    scripted: Stack, browser: Browser
) -> None:
    """A token of an operator's own may hold blanks, or a percent sign."""
    place, _, token = scripted.dashboard_link.partition("#")
    page = browser.new_page()

    page.goto(f"{place}#{''.join(f'%{ord(letter):02X}' for letter in token)}")

    page.wait_for_url("**/tasks/queue")
    page.close()
