"""A headless browser for journeys through the dashboard.

    with browsing(stack) as page:
        page.goto(f"{stack.dashboard}tasks/queue/new")

Whatever a script on the page throws, or the policy of its content forbids, fails the journey.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright import async_api
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.support.stack import Stack

CHROMIUM = shutil.which("chromium")
"""Where it is missing, journeys with it are skipped."""

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 30.0
"""What is looked for may take so long on a busy machine; the default for facts is five."""
expect.set_options(timeout=SECONDS * 1000)
async_api.expect.set_options(timeout=SECONDS * 1000)
KEPT = Path(__file__).resolve().parents[2] / "screenshots"
"""Pictures of what journeys saw, for people to look at; git ignores them."""


def keep(page: Page, name: str) -> None:
    """Keeps a picture of the whole page as it is now, in the place of the last one of this name.

    It fails where the page is wider than its window.
    """
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    page.screenshot(path=KEPT / f"{name}.png", full_page=True, animations="disabled")


def holding(page: Page, address: str) -> Callable[[], Route]:
    """From now on requests to `address` wait. What it returns gives the first, once it is made."""
    met: list[Route] = []

    def hold(route: Route) -> None:
        met.append(route)

    def first() -> Route:
        while not met:
            page.wait_for_timeout(20)  # what a page asks for is heard of only while one waits
        return met[0]

    page.route(address, hold)
    return first


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def logged_in(
    browser: Browser, stack: Stack, *, width: int = 1200, height: int = 900, has_touch: bool = False
) -> Iterator[Page]:
    """A page that has logged in, for the length of the block; nothing of others is stored in it."""
    faults: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            faults.append(said.text)

    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=has_touch)
    context.set_default_timeout(SECONDS * 1000)
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", heard)
    page = context.new_page()
    page.goto(stack.dashboard_link)
    page.wait_for_url("**/tasks/queue")
    try:
        yield page
    finally:
        context.close()
    assert not faults, faults


@contextlib.contextmanager
def browsing(stack: Stack, *, width: int = 1200, height: int = 900) -> Iterator[Page]:
    """The same in a browser of its own."""
    with launched() as browser, logged_in(browser, stack, width=width, height=height) as page:
        yield page
