"""What has to be true of the stack's pages, for who has logged in and for who has not."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from tests.journeys.compose.report import Report
from tests.journeys.compose.stack import CALL_SECONDS, Json, Stack

LINK = ("python", "-m", "services.dashboard.login_link")


def logged_in(stack: Stack, report: Report) -> httpx.Client:
    """A browser that has followed the link of `make login`."""
    link = urlsplit(stack.inside("dashboard", *LINK).strip())
    origin = f"{link.scheme}://{link.netloc}"
    report.check("the link leads to the published port", link.netloc == stack.pages, origin)
    browser = httpx.Client(
        base_url=origin, timeout=CALL_SECONDS, trust_env=False, headers={"Origin": origin}
    )
    stranger = browser.get("/tasks/queue", headers={"Accept": "text/html"})
    report.check(
        "who has not logged in is asked to",
        stranger.headers.get("location") == "/login?next=/tasks/queue",
        stranger.headers,
    )
    wrong = browser.post("/login", data={"token": link.fragment[:-1]})
    report.check("another token is refused", wrong.status_code == 403, wrong.status_code)
    entered = browser.post("/login", data={"token": link.fragment})
    report.check("the link's token is taken", entered.status_code == 303, entered.status_code)
    told = stack.compose("logs", "--no-color", "dashboard")
    report.check("the token is in no log", link.fragment not in told)
    kept = stack.inside("dashboard", "stat", "-c", "%a %u", "/var/lib/pawl/token").strip()
    report.check("the token is readable by its service alone", kept == "600 10001", kept)
    return browser


def of_the_jobs(
    stack: Stack, browser: httpx.Client, report: Report, events: Sequence[Json]
) -> None:
    """The list has the job, its page tells how it ended, and the form asks the contract."""
    job_id = events[0]["jobId"]
    listed = browser.get("/tasks/queue")
    report.check("the list shows the job", f"/tasks/queue/{job_id}" in listed.text, listed)
    shown = browser.get(f"/tasks/queue/{job_id}")
    report.check("the job's page says SUCCEEDED", "succeeded" in shown.text.lower(), shown)
    word = re.search('data-csrf="([^"]+)"', listed.text)
    command = browser.post(
        "/api/tasks/write",
        json={"payload": {}, "as": "pawl", "requestId": "r"},
        headers={"X-Pawl-CSRF": word[1] if word else ""},
    )
    report.check(
        "commands to copy name the published port",
        f"--target {stack.target}" in command.text,
        command.text,
    )
    form = browser.get("/tasks/queue/new")
    report.check("the form knows the contract's default", "default: codex" in form.text, form)


def of_coming_back(browser: httpx.Client, report: Report) -> None:
    """The token is kept, so that nobody has to log in again."""
    answer = browser.get("/tasks/queue")
    report.check("a session outlasts the stack", answer.status_code == 200, answer.status_code)
