"""Takes the pictures of docs/dashboard.md: ``python -m tests.pictures.dashboard [FOLDER] [png]``.

Every page in light and dark, and the two that people read on the way on a phone as well. What is
in them was run: by the scripted agent, and published to a forge of the tests.
"""

import asyncio
import base64
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, expect

from tests.pictures import week
from tests.support.browser import launched
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.stack import Stack, bare_repository, running_stack

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
TOKEN = "made-up-token-of-the-pictures"
NAMES = ("gateway", "greeter", "site", "trainer")
DESK, PHONE = (1200, 900), (390, 844)
GREETER = 'def greet(name):\n    return f"Hello, {name}!"\n'
LIMITS = (
    "class Bucket:\\n    def __init__(self, rate, size):\\n"
    "        self.rate, self.size, self.level = rate, size, size\\n\\n"
    "    def take(self, now):\\n        self.refill(now)\\n"
    "        if self.level < 1:\\n            return False\\n"
    "        self.level -= 1\\n        return True\\n"
)
TALLEST = 1_300
SECONDS = 30_000


@dataclass(frozen=True)
class Cast:
    """The jobs that the pictures show."""

    published: str
    failed: str
    running: str


def task(name: str, objective: str, *steps: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A task of steps with a title and a script each."""
    return {
        "repository": f"acme/{name}",
        "task": {
            "instructions": objective,
            "steps": [{"title": title, "instructions": script} for title, script in steps],
            **fields,
        },
    }


def played(stack: Stack) -> Cast:
    """Has one job of each fate run."""
    nothing = stack.submit(
        task("site", "Find broken links and mend them.", ("Look", "do: say Every link works."))
    )
    published = stack.submit(
        task(
            "gateway",
            "Add rate limits to the public API, with tests.",
            (
                "Look around",
                "do: think Where do requests pass?\ndo: read gateway.py\ndo: sleep 2\n"
                "do: say Requests pass one middleware; a token bucket per client belongs there.",
            ),
            (
                "Add a token bucket",
                f"do: write limits.py {LIMITS}\ndo: sleep 3\n"
                "do: write gateway.py from limits import Bucket\\n\\n\\n"
                "def handle(request, bucket, now):\\n    if not bucket.take(now):\\n"
                "        return 429\\n    return 200\\n\n"
                "do: say handle() answers 429 once a client's bucket is empty.",
            ),
            (
                "Test it",
                "do: write test_limits.py from limits import Bucket\\n\\n\\n"
                "def test_an_empty_bucket_refuses():\\n    bucket = Bucket(1, 1)\\n"
                "    assert bucket.take(0)\\n    assert not bucket.take(0)\\n\n"
                "do: run echo '1 passed'\ndo: sleep 1\ndo: say The limit holds.",
            ),
        )
    )
    for job_id in (nothing, published):
        stack.wait(job_id)
    failed = stack.submit(
        task(
            "trainer",
            "Move the checkpoints to object storage.",
            ("Write the adapter", "do: write store.py BUCKET = 'checkpoints'\\n\ndo: sleep 1"),
            ("Run the tests", "do: say The tests need more memory.\ndo: sleep 1\ndo: signal KILL"),
            ("Clean up", "do: say Never reached."),
        )
    )
    stack.wait(failed)
    running = stack.submit(
        task(
            "greeter",
            "Teach the greeter French.",
            (
                "Look around",
                "do: think First I look at what is there.\ndo: read greeter.py\ndo: sleep 2\n"
                "do: say The greeter greets in English only.",
            ),
            (
                "Teach it a second language",
                "do: think A table of greetings will do.\n"
                'do: write greeter.py GREETINGS = {"en": "Hello", "fr": "Bonjour"}\\n\\n\\n'
                'def greet(name, language="en"):\\n'
                '    return f"{GREETINGS[language]}, {name}!"\\n\n'
                "do: say greet() takes a language now; next I try it.\ndo: sleep 300",
            ),
            ("Check the result", "do: say Both languages work."),
        ),
        labels={"team": "people"},
    )
    gpu = {"requiredCapabilities": ["gpu"]}
    stack.submit(task("trainer", "Find out why the loss jumps.") | gpu, priority=5)
    stack.wait_for_event(running, "task.step.started", step_index=1)
    return Cast(published, failed, running)


@contextlib.contextmanager
def staged() -> Iterator[Stack]:
    """The services and a forge with four repositories."""
    files = {
        "gateway.py": "def handle(request):\n    return 200\n",
        "greeter.py": GREETER,
        "README.md": "# Read me\n",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        token = folder / "token"
        token.write_text(TOKEN)
        with fake_forge(FakeForge(Audit(folder / "audit"), {TOKEN: "pawl"}, {})) as forge:
            for one in NAMES:
                remote = bare_repository(folder / "acme" / f"{one}.git", files)
                forge.repositories[f"acme/{one}"] = Repository("acme", one, remote)
            (folder / "data" / "orchestrator").mkdir(parents=True)
            asyncio.run(week.lay(folder / "data" / "orchestrator" / "pawl.db"))
            environment: dict[str, Any] = {
                "PAWL_GITHUB_URL": forge.url,
                "PAWL_GITHUB_API_URL": forge.url,
                "PAWL_GITHUB_TOKEN_FILE": str(token),
                "PAWL_SLOTS": "2",
            }
            with running_stack(folder, **environment) as stack:
                yield stack


def write(page: Page) -> None:
    """Something to see on the form."""
    page.get_by_label("Objective").fill("Add rate limits to the public API, with tests.")
    page.get_by_label("Repository", exact=True).fill("acme/gateway")
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong", timeout=SECONDS)
    steps = {
        "Look around": "Find out where requests pass, and what limits there are already.",
        "Add a token bucket": "One per client, kept beside the sessions. Answer 429 with the time.",
    }
    for title, instructions in steps.items():
        page.get_by_role("button", name="Add a step").click()
        last = page.locator(".step").last
        last.get_by_label("Title").fill(title)
        last.get_by_label("Instructions").fill(instructions)
    expect(page.locator("#plan")).to_contain_text("Add a token bucket", timeout=SECONDS)
    page.locator("#plan summary").first.click()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    expect(page.locator("#told")).to_be_empty(timeout=SECONDS)  # over what a picture is to show


def read_it(page: Page) -> None:
    """What the agent of one step did, and the patch of the next."""
    page.locator("#step-0 > summary").click()
    expect(page.locator("#step-0 .activities li").first).to_be_visible(timeout=SECONDS)
    page.locator("#step-1 > summary").click()
    page.locator("#step-1").get_by_role("tab", name="Patch").click()
    expect(page.locator("#step-1 .patch .added").first).to_be_visible()


def see_it_live(page: Page) -> None:
    expect(page.locator("#step-1 .activities")).to_contain_text("try it", timeout=SECONDS)


def take(page: Page, file: Path) -> None:
    """The picture of what the window shows, and of what is below, up to a height."""
    tall = page.evaluate("document.documentElement.scrollHeight")
    size = page.viewport_size
    assert size is not None
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(tall, TALLEST)}
    form = file.suffix.removeprefix(".")
    asked = {"format": form, "clip": {**clip, "scale": 1}, "captureBeyondViewport": True}
    if form == "webp":
        asked["quality"] = 85
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    file.write_bytes(base64.b64decode(taken["data"]))


def main(folder: Path, form: str) -> None:
    """Takes them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with staged() as stack, launched() as browser:
        cast = played(stack)
        pages = {
            "jobs": ("tasks/queue", None),
            "new": ("tasks/queue/new", write),
            "job-running": (f"tasks/queue/{cast.running}", see_it_live),
            "job-done": (f"tasks/queue/{cast.published}", read_it),
            "job-failed": (f"tasks/queue/{cast.failed}", None),
            "runners": ("runners", None),
            "queue": ("queue?span=week", None),
        }
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            for where, (width, height) in {"": DESK, "-phone": PHONE}.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page = context.new_page()
                page.goto(f"{stack.dashboard}login")
                if not where:
                    take(page, folder / f"login-{scheme}.{form}")
                page.goto(stack.dashboard_link)
                page.wait_for_url("**/tasks/queue")
                for name, (place, prepare) in pages.items():
                    if where and name not in {"jobs", "job-running"}:
                        continue
                    page.goto(f"{stack.dashboard}{place}")
                    if prepare:
                        prepare(page)
                    page.wait_for_timeout(800)
                    take(page, folder / f"{name}{where}-{scheme}.{form}")
                context.close()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER,
        sys.argv[2] if len(sys.argv) > 2 else "webp",
    )
