"""What the forge's JSON says, checked as it is read."""

from datetime import datetime
from typing import Any

from services.orchestrator.forge.links import pull_url
from services.orchestrator.jobs.forge import ForgeAway, PullRequest, PullState
from services.orchestrator.source.slug import Slug

LARGEST_NUMBER = 2**53


def mapping(told: Any) -> dict[str, Any]:
    """A JSON object. Raises ForgeAway for anything else, as all here do."""
    if not isinstance(told, dict):
        raise unreadable()
    return told


def items(told: Any) -> list[dict[str, Any]]:
    """A JSON array of objects."""
    if not isinstance(told, list):
        raise unreadable()
    return [mapping(one) for one in told]


def text(told: dict[str, Any], key: str) -> str:
    """A text that has to be there."""
    value = told.get(key)
    if not isinstance(value, str) or not value:
        raise unreadable()
    return value


def body(told: dict[str, Any]) -> str:
    """The text of a pull request or comment; GitHub says null for an empty one."""
    value = told.get("body")
    return value if isinstance(value, str) else ""


def number(told: dict[str, Any], key: str = "number") -> int:
    """The number of an issue, a pull request or whatever `key` says."""
    value = told.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < LARGEST_NUMBER:
        raise unreadable()
    return value


def time(told: dict[str, Any], key: str) -> datetime:
    """A time with its zone."""
    try:
        value = datetime.fromisoformat(text(told, key))
    except ValueError:
        raise unreadable() from None
    if value.tzinfo is None:
        raise unreadable()
    return value


def pull_request(told: dict[str, Any], *, web_url: str, slug: Slug, marker: str) -> PullRequest:
    """A pull request as lists and single answers tell of it."""
    head, base = mapping(told.get("head")), mapping(told.get("base"))
    url = told.get("html_url")
    return PullRequest(
        number=number(told),
        url=pull_url(
            url if isinstance(url, str) else "", web_url=web_url, slug=slug, number=number(told)
        ),
        state=_state(told),
        draft=told.get("draft") is True,
        head_branch=text(head, "ref"),
        head_commit=text(head, "sha"),
        base_branch=text(base, "ref"),
        foreign=_repository(head) != _repository(base),
        marked=marker in body(told),
    )


def _state(told: dict[str, Any]) -> PullState:
    if told.get("merged_at") is not None:
        return PullState.MERGED
    return {"open": PullState.OPEN, "closed": PullState.CLOSED}.get(
        text(told, "state")
    ) or _unknown()


def _unknown() -> PullState:
    raise unreadable()


def _repository(side: dict[str, Any]) -> str | None:
    """Whose branch it is; None where that repository is gone, which ours cannot be."""
    repository = side.get("repo")
    return None if repository is None else text(mapping(repository), "full_name").lower()


def unreadable() -> ForgeAway:
    """What to raise for an answer that is not of the documented form."""
    return ForgeAway("The forge's answer is not of the form it documents.")
