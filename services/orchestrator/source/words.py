"""What git's words about an origin mean for a job."""

import re
from enum import Enum, auto

from services.orchestrator.source.location import Location

MAX_DETAIL = 400


class Trouble(Enum):
    """Why an origin did not serve."""

    AUTH = auto()
    HOST_KEY = auto()
    MOVED = auto()
    NOT_FOUND = auto()
    UNREACHABLE = auto()
    """The only one that waiting may cure."""


SIGNS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile(pattern, re.IGNORECASE))
    for trouble, pattern in (
        (Trouble.HOST_KEY, r"host key verification failed|no \S+ host key is known"),
        (
            Trouble.AUTH,
            r"could not read (username|password)|authentication failed|returned error: 40[13]\b"
            r"|permission denied|access denied|invalid credentials|http basic: access",
        ),
        (Trouble.MOVED, r"returned error: 30\d|unable to update url base from redirection"),
        (
            Trouble.NOT_FOUND,
            r"repository .*not found|returned error: 4(04|10)\b|does not exist"
            r"|does not appear to be a git repository|not a git repository|no such repository",
        ),
    )
)


def trouble(stderr: str) -> Trouble:
    """The trouble git reports, as far as its words tell; UNREACHABLE where they do not."""
    for kind, pattern in SIGNS:
        if pattern.search(stderr):
            return kind
    return Trouble.UNREACHABLE


def detail(stderr: str) -> str:
    """The one line of git's that says most, without the hints around it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))]
    return (telling or lines or ["git said nothing"])[0][:MAX_DETAIL]


def remote_words(stderr: str) -> str:
    """What the other side said, without git's prefix; empty where it said nothing."""
    said = [line[7:].strip() for line in stderr.splitlines() if line.startswith("remote:")]
    return " ".join(line for line in said if line)[: 4 * MAX_DETAIL]


def remedy(kind: Trouble, location: Location) -> str:
    """What a person can do about it."""
    if kind is Trouble.HOST_KEY:
        return (
            f"Add the host key of {location.host} to the known_hosts file of the orchestrator's "
            "user, after comparing its fingerprint; then submit the task again."
        )
    if kind is Trouble.AUTH:
        return {
            "ssh": "Give the orchestrator's user an ssh key or agent the host accepts; "
            "then submit the task again.",
            "file": "Let the orchestrator's user read and write the repository's folder; "
            "then submit the task again.",
        }.get(
            location.protocol,
            "Set PAWL_GITHUB_TOKEN_FILE to a token that may reach the repository (a private one "
            "looks missing or forbidden without); then submit the task again.",
        )
    if kind is Trouble.MOVED:
        return "Submit the task with the address the repository has now."
    if kind is Trouble.NOT_FOUND:
        return "Check the repository's address, and that the orchestrator's credential can see it."
    return "Submit the task again when the host answers again."
