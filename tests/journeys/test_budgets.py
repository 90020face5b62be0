"""What a page costs who opens it for the first time: few bytes, and nobody else is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, launched, logged_in
from tests.support.stack import Stack, bare_repository, task

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

BUDGET = 100_000
"""Bytes on the wire, with all that the page loads."""
PAGE = 50
"""How many jobs the list shows at once."""


@pytest.fixture(scope="module")
def jobs(scripted: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job of three steps that is done, and a page of others that nobody can take."""
    remote = bare_repository(tmp_path_factory.mktemp("budgets") / "r.git", {"hello.txt": "hello\n"})
    done = scripted.submit(task(remote, "do: bytes 20000", "do: write a a\\n", "do: say bye"))
    scripted.wait(done)
    nobodys = {**task(remote, "do: say x"), "requiredCapabilities": ["of-nobody"]}
    waiting = [scripted.submit(nobodys) for _ in range(PAGE)]
    yield done
    for job_id in waiting:
        scripted.cancel(job_id)


@pytest.fixture
def page(scripted: Stack) -> Iterator[Page]:
    with launched() as browser, logged_in(browser, scripted) as page:
        yield page


@dataclass
class Bill:
    """What a page asked for, and what came."""

    hosts: set[str] = field(default_factory=set)
    bytes: int = 0

    def ask(self, event: dict[str, Any]) -> None:
        self.hosts.add(urlsplit(event["request"]["url"]).netloc)

    def pay(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])


def opened(page: Page, address: str) -> Bill:
    """Opens it with nothing kept from before, until what it asks for by itself is there."""
    bill = Bill()
    heard = page.context.new_cdp_session(page)
    heard.send("Network.enable")
    heard.send("Network.setCacheDisabled", {"cacheDisabled": True})
    heard.on("Network.requestWillBeSent", bill.ask)
    heard.on("Network.loadingFinished", bill.pay)
    page.goto(address, wait_until="load")
    return bill


def test_a_page_is_small_and_asks_nobody_else(page: Page, scripted: Stack, jobs: str) -> None:
    own = {urlsplit(scripted.dashboard).netloc}
    places = {
        "tasks/queue": "tbody tr >> nth=49",
        "tasks/queue/new": "#plan",
        f"tasks/queue/{jobs}": "#events > li >> nth=15",
        "runners": "main",
        "queue": "main",
        "login": "main",
    }
    for place, there in places.items():
        bill = opened(page, f"{scripted.dashboard}{place}")
        expect(page.locator(there)).to_be_attached()
        assert bill.hosts == own, place
        assert 1_000 < bill.bytes < BUDGET, f"{place}: {bill.bytes} bytes"
