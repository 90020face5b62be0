"""GitHub and GitHub Enterprise behind the Forge port.

What each refusal becomes is the table in `refusals`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.orchestrator.forge import reading
from services.orchestrator.forge.calls import Answer, AnswerTooLarge, Calls, path_of
from services.orchestrator.forge.refusals import TO_OPEN, Unsearchable, date
from services.orchestrator.forge.transport import Transport
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.forge import (
    ForgeAway,
    ForgeRepository,
    PullRequest,
    Rights,
    WantedPullRequest,
)
from services.orchestrator.source.slug import Slug

PAGES = (10, 2)
"""Entries a page; the second where a page of the first is too large to be read."""
MAX_ENTRIES = 100
NEWEST = 30
"""So many are looked through, of all and of the branch's, whatever their state."""
TO_LOOK = "to look for the job's pull request"


class GitHubForge:
    """One GitHub, reached by its API; nothing is kept open between requests."""

    def __init__(self, api_url: str, web_url: str, network: Mapping[str, str]) -> None:
        self._api_url = api_url
        self._web_url = web_url
        self._transport = Transport(api_url, network)

    def repository(self, owner: str, name: str, token: str) -> ForgeRepository:
        """The repository ``owner/name``, reached with `token`; asks nothing yet."""
        calls = Calls(self._api_url, token, self._transport)
        return GitHubRepository(calls, self._web_url, Slug(owner, name))

    async def rights(self, token: str) -> Rights:
        """What `token` may do, whatever the repository.

        Asks the API's root, which every kind of token may read and every GitHub has.
        """
        calls = Calls(self._api_url, token, self._transport)
        return _rights(await calls.get("/", asked="to be asked at all"), push=None)


class GitHubRepository:
    """One repository, reached with one token."""

    def __init__(self, calls: Calls, web_url: str, slug: Slug) -> None:
        self._calls = calls
        self._web_url = web_url
        self._slug = slug
        self._path = path_of(slug)

    async def default_branch(self) -> str:
        """The name of the branch that pull requests go to by default."""
        answer = await self._calls.get(self._path, asked="to look at the repository")
        return reading.text(reading.mapping(answer.told), "default_branch")

    async def pull_requests(self, *, head_branch: str, marker: str) -> Sequence[PullRequest]:
        """Those of `head_branch` and those whose text holds `marker`, whatever their state."""
        found = {
            told.number: told
            for look in (self._of_head, self._newest, self._searched)
            for told in await look(head_branch, marker)
            if told.marked or (told.head_branch == head_branch and not told.foreign)
        }
        return [found[number] for number in sorted(found)]

    async def open(self, wanted: WantedPullRequest) -> PullRequest:
        """Opens a pull request, without its labels. Raises PullRequestExists."""
        answer = await self._calls.post(
            f"{self._path}/pulls",
            asked=TO_OPEN,
            body={
                "title": wanted.title,
                "head": wanted.head_branch,
                "base": wanted.base_branch,
                "body": wanted.body,
                "draft": wanted.draft,
            },
        )
        last = wanted.body.rstrip().rpartition("\n")[2]
        return self._read(reading.mapping(answer.told), last)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Adds labels; those it has already stay."""
        if labels:
            await self._calls.post(
                f"{self._path}/issues/{number}/labels",
                asked="to add labels",
                body={"labels": list(labels)},
            )

    async def report_duplicate(self, number: int, *, of: int, close: bool) -> None:
        """Says in a comment that `number` repeats `of`, once, and closes it if asked to."""
        words = f"This pull request repeats #{of}: both were opened for the same job."
        comments = f"{self._path}/issues/{number}/comments"
        said = await self._pages(comments, reading.items, asked="to read comments")
        if not any(reading.body(comment) == words for comment in said):
            await self._calls.post(comments, asked="to comment", body={"body": words})
        if close:
            await self._calls.patch(
                f"{self._path}/pulls/{number}",
                asked="to close a pull request",
                body={"state": "closed"},
            )

    async def rights(self) -> Rights:
        """What the token may do here, as far as the forge tells."""
        answer = await self._calls.get(self._path, asked="to look at the repository")
        permissions = reading.mapping(answer.told).get("permissions")
        push = permissions.get("push") if isinstance(permissions, dict) else None
        return _rights(answer, push=push if isinstance(push, bool) else None)

    async def _of_head(self, head_branch: str, marker: str) -> Sequence[PullRequest]:
        """The open ones, all of them, and the newest of the others.

        A branch that lives long has any number behind it; what this job has asked for is new.
        """
        told = await self._behind(head_branch, state="all")
        if len(told) >= NEWEST:
            told += await self._behind(head_branch, state="open")
        return [self._read(one, marker) for one in told]

    async def _behind(self, head_branch: str, state: str) -> list[dict[str, Any]]:
        whole = state == "open"
        return await self._pages(
            f"{self._path}/pulls",
            reading.items,
            asked=TO_LOOK,
            most=MAX_ENTRIES if whole else NEWEST,
            whole=whole,
            head=f"{self._slug.owner}:{head_branch}",
            state=state,
            sort="created",
            direction="desc",
        )

    async def _newest(self, _: str, marker: str) -> Sequence[PullRequest]:
        told = await self._pages(
            f"{self._path}/pulls",
            reading.items,
            asked=TO_LOOK,
            most=NEWEST,
            state="all",
            sort="created",
            direction="desc",
        )
        return [self._read(one, marker) for one in told]

    async def _searched(self, _: str, marker: str) -> Sequence[PullRequest]:
        slug = f"{self._slug.owner}/{self._slug.name}"
        try:
            told = await self._pages(
                "/search/issues",
                _found,
                asked=TO_LOOK,
                most=NEWEST,
                whole=True,
                q=f'"{marker}" in:body repo:{slug} is:pr',
                sort="created",
                order="asc",
            )
        except Unsearchable:
            # As with a new repository, for as long as nobody knows: the lists have to do.
            return []
        # Search finds by words: what it takes for alike need not hold the marker.
        numbers = [reading.number(one) for one in told if marker in reading.body(one)]
        return [await self._one(number, marker) for number in numbers]

    async def _one(self, number: int, marker: str) -> PullRequest:
        answer = await self._calls.get(f"{self._path}/pulls/{number}", asked=TO_LOOK)
        return self._read(reading.mapping(answer.told), marker)

    async def _pages(
        self,
        path: str,
        read: Callable[[Any], list[dict[str, Any]]],
        *,
        asked: str,
        most: int = MAX_ENTRIES,
        whole: bool = False,
        **params: str,
    ) -> list[dict[str, Any]]:
        """The first `most` entries; a `whole` look-up fails where there are more."""
        entries: list[dict[str, Any]] = []
        for size in PAGES:
            entries.clear()
            try:
                for page in range(1, most // size + 1):
                    answer = await self._calls.get(
                        path, asked=asked, per_page=size, page=page, **params
                    )
                    told = read(answer.told)
                    entries += told
                    if len(told) < size:
                        return entries
            except AnswerTooLarge:
                if size == PAGES[-1]:
                    raise
            else:
                break
        if whole:
            raise failed(
                Reason.PUBLISH_REJECTED,
                f"The forge has {most} pull requests or more that are open for this branch, or "
                "that name this job.",
                "Look at who opens them, close those nobody needs, and retry the job.",
            )
        return entries

    def _read(self, told: dict[str, Any], marker: str) -> PullRequest:
        return reading.pull_request(told, web_url=self._web_url, slug=self._slug, marker=marker)


def _rights(answer: Answer, *, push: bool | None) -> Rights:
    scopes = answer.headers.get("X-OAuth-Scopes")
    return Rights(
        push=push,
        scopes=None if scopes is None else tuple(filter(None, map(str.strip, scopes.split(",")))),
        clock=date(answer.headers.get("Date", "")),
    )


def _found(told: Any) -> list[dict[str, Any]]:
    result = reading.mapping(told)
    if result.get("incomplete_results") is not False:
        raise ForgeAway("The forge's search did not finish.")
    return reading.items(result.get("items"))
