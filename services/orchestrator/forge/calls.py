"""One request to the forge's API, and what becomes of its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from githubkit import GitHub
from githubkit.auth import UnauthAuthStrategy
from githubkit.exception import RequestError

from services.orchestrator.forge import refusals
from services.orchestrator.forge.reading import unreadable
from services.orchestrator.forge.refusals import Refused
from services.orchestrator.forge.transport import Moved, TooLarge, Transport, Unusable
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.forge import AskedTooSoon, ForgeAway
from services.orchestrator.source.slug import Slug

REQUEST_SECONDS = 20
VERSION = {"X-GitHub-Api-Version": "2022-11-28"}


Meaning = Callable[..., Exception]
"""What to raise for a refusal, as `refusals.meaning` tells."""


class AnswerTooLarge(ForgeAway):
    """The answer was larger than is read; asking for less may do."""


class ElsewhereNow(AskedTooSoon):
    """What was asked for has another address now, as a repository that was renamed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the forge said."""

    told: Any
    """None where there was nothing to say."""
    headers: httpx.Headers


class Calls:
    """The API with one token. Every call raises what `meaning`, a table of refusals, says."""

    def __init__(
        self, api_url: str, token: str, transport: Transport, *, meaning: Meaning = refusals.meaning
    ) -> None:
        self._token = token
        self._meaning = meaning
        # "Bearer" suits every kind of token, "token" none that an app has signed.
        self._headers = {**VERSION, "Authorization": f"Bearer {token}"}
        # Whoever asks knows best when to ask again, and a look-up from a cache would be a lie.
        self._github = GitHub(
            UnauthAuthStrategy(),
            base_url=api_url,
            user_agent="pawl",
            async_transport=transport,
            async_event_hooks={"response": [_refuse]},
            timeout=REQUEST_SECONDS,
            follow_redirects=False,
            trust_env=False,
            http_cache=False,
            auto_retry=False,
        )

    async def get(self, path: str, *, asked: str, **params: str | int) -> Answer:
        """Asks for something."""
        return await self._call("GET", path, asked, params=params)

    async def post(self, path: str, *, asked: str, body: dict[str, Any]) -> Answer:
        """Makes something."""
        return await self._call("POST", path, asked, json=body)

    async def patch(self, path: str, *, asked: str, body: dict[str, Any]) -> Answer:
        """Changes something."""
        return await self._call("PATCH", path, asked, json=body)

    async def delete(self, path: str, *, asked: str) -> Answer:
        """Removes something."""
        return await self._call("DELETE", path, asked)

    async def _call(self, method: str, path: str, asked: str, **sent: Any) -> Answer:
        # Raised outside of the handlers: what httpx and githubkit raise holds the request, and
        # the request the token.
        problem: Exception
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._github.arequest(method, path, headers=self._headers, **sent)
            return Answer(answer.json() if answer.content else None, answer.headers)
        except TimeoutError:
            problem = ForgeAway(f"The forge did not answer within {REQUEST_SECONDS} seconds.")
        except (ValueError, RecursionError):
            problem = unreadable()
        except RequestError as error:
            problem = self._problem(error.exc, asked)
        raise problem

    def _problem(self, error: Exception, asked: str) -> Exception:
        if isinstance(error, Refused):
            return self._meaning(
                error.answer, asked=asked, token=self._token, now=datetime.now(UTC)
            )
        if isinstance(error, TooLarge):
            return AnswerTooLarge(f"The forge did not serve: {error}.")
        if isinstance(error, Moved):
            return ElsewhereNow(
                Failure(
                    Reason.PUBLISH_REJECTED,
                    f"The forge did not serve: {error}.",
                    "Give the repository its old name back, then retry the job: no step runs "
                    "again. Or submit the task with the address the repository has now.",
                )
            )
        if isinstance(error, Unusable):
            return ForgeAway(f"The forge did not serve: {error}.")
        if isinstance(error, httpx.TimeoutException):
            return ForgeAway(f"The forge did not answer within {REQUEST_SECONDS} seconds.")
        if isinstance(error, httpx.TransportError):
            return ForgeAway("The forge cannot be reached, or ended the connection early.")
        return error


def path_of(slug: Slug) -> str:
    """Where the API has a repository."""
    return f"/repos/{quote(slug.owner, safe='')}/{quote(slug.name, safe='')}"


async def _refuse(answer: httpx.Response) -> None:
    """Ends a refused request here: githubkit's own reading trips over a date in Retry-After."""
    if answer.is_error:
        await answer.aread()
        raise Refused(answer)
