"""The form of a new task, which journeys here begin at."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import logged_in
from tests.support.stack import Stack


@pytest.fixture
def page(browser: Browser, scripted: Stack) -> Iterator[Page]:
    """The form, empty."""
    with logged_in(browser, scripted) as page:
        page.goto(f"{scripted.dashboard}tasks/queue/new")
        yield page
