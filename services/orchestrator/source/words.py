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
    DECLINED = auto()
    """The host has understood, and would say the same again."""
    UNREACHABLE = auto()
    """The only one that waiting may cure."""


PASSING = re.compile(
    r"\((?:internal server error|failed to (?:lock|update ref)|cannot lock ref"
    r"|fatal error in commit_refs)\b",
    re.IGNORECASE,
)
"""How git's summary tells of a host that declines a push for its own sake, not for a rule's."""
FOR_GOOD = re.compile(r"exists; cannot create", re.IGNORECASE)
"""What a host adds to that where another branch is in the way."""

SIGNS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile(pattern, re.IGNORECASE))
    for trouble, pattern in (
        (Trouble.HOST_KEY, r"host key verification failed|no \S+ host key is known"),
        # Git shows no Retry-After; a host that limits by 403 says so in words.
        (Trouble.UNREACHABLE, r"rate limit|too many requests"),
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
        # A pause may cure 408, 425 and 429; the others above are told apart already.
        (Trouble.DECLINED, r"returned error: 4(?!08|25|29)\d\d"),
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


def remedy(kind: Trouble, location: Location, secret: str | None = None) -> str:
    """What a person can do about it; `secret` is the reference to the key that was used."""
    if kind is Trouble.HOST_KEY:
        return (
            f"Add the host key of {location.host} to the known_hosts file of the orchestrator's "
            "user, after comparing its fingerprint; then retry the job."
        )
    if secret and kind in {Trouble.AUTH, Trouble.NOT_FOUND}:
        return (
            f"Check the repository's address; put a token that may reach it into {secret}, which "
            "the task names; then retry the job."
        )
    if kind is Trouble.AUTH:
        return {
            "ssh": "Give the orchestrator's user an ssh key or agent the host accepts; "
            "then retry the job.",
            "file": "Let the orchestrator's user read and write the repository's folder; "
            "then retry the job.",
        }.get(
            location.protocol,
            "Set PAWL_GITHUB_TOKEN_FILE to a token that may reach the repository, or install the "
            "app of PAWL_GITHUB_APP_ID in it (a private one looks missing or forbidden without); "
            "then retry the job.",
        )
    if kind is Trouble.MOVED:
        return (
            "Give the repository its old address back, then retry the job; or submit the task with "
            "the address it has now."
        )
    if kind is Trouble.DECLINED:
        return "See in the host's log or settings what it objects to, then retry the job."
    if kind is Trouble.NOT_FOUND:
        return (
            "See that the repository is at its address and that the orchestrator's credential can "
            "see it, then retry the job; or submit the task with the right address."
        )
    return "Retry the job when the host answers again."
