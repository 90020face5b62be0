"""What a forge's refusal means to a job.

| the forge                                         | what is raised                    |
|---------------------------------------------------|-----------------------------------|
| 301, 308                                          | AskedTooSoon PUBLISH_REJECTED: a  |
|                                                   | repository that was renamed       |
| 401                                               | TokenRefused                      |
| 429; 403 with Retry-After, a used-up limit, or    | ForgeAway, with the wait asked    |
|     words of a rate limit                         | for                               |
| 403 otherwise                                     | AskedTooSoon PUBLISH_REJECTED,    |
|                                                   | names what the token lacks if told|
| 404                                               | AskedTooSoon PUBLISH_AUTH: it     |
|                                                   | hides what a token may not see    |
| 408, 5xx                                          | ForgeAway                         |
| 422 to opening, "already exists"                  | PullRequestExists                 |
| 422 that knows no such branch, or nothing on it   | AskedTooSoon PUBLISH_REJECTED     |
| 422 to a search where it has no index             | Unsearchable PUBLISH_REJECTED     |
| any other 4xx                                     | JobFailed PUBLISH_REJECTED        |
| no answer, any other 3xx, too large, packed, not  | ForgeAway                         |
|     JSON, not of the documented form              |                                   |
"""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from services.orchestrator.jobs.failures import Failure, JobFailed, Reason, failed
from services.orchestrator.jobs.forge import (
    AskedTooSoon,
    ForgeAway,
    PullRequestExists,
    TokenRefused,
)

MAX_WORDS = 400
MAX_ERRORS = 5
LONGEST_WAIT = timedelta(hours=1)
NOT_SEEN_YET = re.compile(r"\bhead invalid\b|\bno commits between\b", re.IGNORECASE)
"""What GitHub says, too, for a second or more after a branch was pushed."""
TO_OPEN = "to open a pull request"
PERMISSIONS = "X-Accepted-GitHub-Permissions"


class Unsearchable(JobFailed):
    """The forge's search does not know the repository, which its lists may show all the same."""


class Refused(Exception):
    """The forge answered with a status of 400 or above."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"status {answer.status_code}")
        self.answer = answer


def meaning(answer: httpx.Response, *, asked: str, token: str, now: datetime) -> Exception:
    """What to raise for a refusal of what was `asked`, a phrase such as "to add labels"."""
    status, words = answer.status_code, _words(answer, token)
    if status == 401:
        return TokenRefused("The forge does not take the token.")
    if status == 429 or (status == 403 and _limited(answer, words)):
        return ForgeAway("The forge asks for a pause.", retry_after=_pause(answer, now))
    if status >= 500 or status == 408:
        return ForgeAway(f"The forge answered {status}.", retry_after=_pause(answer, now))
    if status == 404:
        return AskedTooSoon(
            Failure(
                Reason.PUBLISH_AUTH,
                f"The forge knows no such repository or part of one for this token, asked {asked}.",
                "Give the token access to the repository, with pull requests to read and write; "
                "then retry the job.",
            )
        )
    if status == 422 and asked == TO_OPEN and "already exists" in words:
        return PullRequestExists(words)
    declined = failed(Reason.PUBLISH_REJECTED, _rejected(status, words, asked), _remedy(answer))
    if status == 422 and "cannot be searched" in words:
        return Unsearchable(declined.failure)
    if status == 403 or (status == 422 and NOT_SEEN_YET.search(words)):
        return AskedTooSoon(declined.failure)
    return declined


def _rejected(status: int, words: str, asked: str) -> str:
    return (
        f"The forge declined {asked}: {words}"
        if words
        else f"The forge declined {asked} by {status}."
    )


def _remedy(answer: httpx.Response) -> str:
    if answer.status_code != 403:
        return "Change what the forge objects to, then retry the job."
    needed = clean(answer.headers.get(PERMISSIONS, ""))
    return (
        f"Give the token what this takes ({needed or 'pull requests: write'}), or lift the rule "
        "the forge names; then retry the job."
    )


def _limited(answer: httpx.Response, words: str) -> bool:
    return (
        "Retry-After" in answer.headers
        or answer.headers.get("X-RateLimit-Remaining") == "0"
        or "rate limit" in words.lower()
    )


def _pause(answer: httpx.Response, now: datetime) -> timedelta | None:
    """What the forge asks callers to wait, at most an hour; None where it asks for nothing."""
    after = answer.headers.get("Retry-After", "")
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if re.fullmatch(r"\d{1,9}", after):
        pause = timedelta(seconds=int(after))
    elif after:
        until = date(after)
        if until is None:
            return None
        pause = until - now
    elif answer.headers.get("X-RateLimit-Remaining") == "0" and re.fullmatch(r"\d{1,10}", reset):
        pause = datetime.fromtimestamp(int(reset), UTC) - now
    else:
        return None
    return min(max(pause, timedelta()), LONGEST_WAIT)


def date(header: str) -> datetime | None:
    """The time an HTTP header tells; None where it tells none."""
    try:
        told = parsedate_to_datetime(header)
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _words(answer: httpx.Response, token: str) -> str:
    """The forge's own words, bounded, on one line, without the token."""
    try:
        told: Any = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    errors = told.get("errors")
    parts = [told.get("message")]
    parts += [_word(error) for error in errors[:MAX_ERRORS]] if isinstance(errors, list) else []
    return clean(" ".join(part for part in parts if isinstance(part, str)).replace(token, "***"))


def _word(error: Any) -> str | None:
    if not isinstance(error, dict):
        return error if isinstance(error, str) else None
    if isinstance(error.get("message"), str):
        return str(error["message"])
    return " ".join(str(error[key]) for key in ("field", "code") if isinstance(error.get(key), str))


def clean(words: str) -> str:
    """`words` on one line of printable characters, bounded."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"
