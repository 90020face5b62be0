"""A GitHub App's side of the API: a token for one repository and one purpose, and its end."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.orchestrator.forge import reading
from services.orchestrator.forge.app_key import AppKey, KeyUnreadable
from services.orchestrator.forge.calls import Answer, Calls, ElsewhereNow, path_of
from services.orchestrator.forge.refusals import date, meaning
from services.orchestrator.forge.transport import Transport
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason, failed
from services.orchestrator.jobs.forge import ForgeAway, Rights, TokenRefused
from services.orchestrator.source.key_files import PAUSES, NoKeyInFile, once_there
from services.orchestrator.source.keys import KeyAway, Purpose, Token
from services.orchestrator.source.slug import Slug

PERMISSIONS: Mapping[Purpose, Mapping[str, str]] = {
    Purpose.READ: {"contents": "read", "metadata": "read"},
    Purpose.PUBLISH: {"contents": "write", "metadata": "read", "pull_requests": "write"},
}
"""What a token gets, whatever else the app was granted: it can change no workflow."""
SCOPE = re.compile(r"[a-z_]{1,60}:[a-z]{1,20}")
REASONS = {Purpose.READ: Reason.REPO_AUTH, Purpose.PUBLISH: Reason.PUBLISH_AUTH}
AGAIN = "; then retry the job."
LONGEST = timedelta(hours=1)
LONGEST_TOKEN = 4096


class _NotThere(Exception):
    """The forge answered 404: the app is not installed there, or no longer."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A token and how long it counts from now."""

    token: Token
    valid: timedelta


class App:
    """One app of one GitHub; keeps nothing between calls."""

    def __init__(
        self,
        api_url: str,
        network: Mapping[str, str],
        key: AppKey,
        *,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        self._api_url = api_url
        self._pauses = pauses
        self._transport = Transport(api_url, network)
        self._key = key

    async def mint(self, slug: Slug, purpose: Purpose) -> Minted | None:
        """Makes a token for one repository.

        None where the app is not installed there, or the repository has moved. Raises KeyAway,
        and `JobFailed` with REPO_AUTH or PUBLISH_AUTH.
        """
        place = f"{slug.owner}/{slug.name}"
        # Raised outside of the handlers: what led here may hold the key or what it signed.
        problem: Exception
        try:
            return await self._mint(slug, purpose)
        except (_NotThere, ElsewhereNow):
            return None  # Git finds out where a repository has moved to, and says so.
        except ForgeAway as away:
            problem = KeyAway(away.words, retry_after=away.retry_after)
        except KeyUnreadable as unreadable:
            problem = _unreadable(self._key, unreadable, REASONS[purpose])
        except TokenRefused:
            problem = self._not_taken(REASONS[purpose], f"asked for a token for {place}")
        except JobFailed as declined:
            needed = ", ".join(f"{name}: {right}" for name, right in PERMISSIONS[purpose].items())
            problem = failed(
                REASONS[purpose],
                f"The forge gives app {self._key.app_id} no token for {place}. "
                f"{declined.failure.message}",
                f"See that the app's installation is not suspended and was granted {needed}"
                + AGAIN,
            )
        raise problem

    async def rights(self) -> Rights:
        """What the app's tokens may get at most. Raises ForgeAway, and `JobFailed` as `mint`."""
        problem: JobFailed
        try:
            calls = Calls(self._api_url, self._key.signed(), self._transport)
            answer = await calls.get("/app", asked="to look at the app")
        except KeyUnreadable as unreadable:
            problem = _unreadable(self._key, unreadable, Reason.REPO_AUTH)
        except TokenRefused:
            problem = self._not_taken(Reason.REPO_AUTH, "asked who it is")
        else:
            granted = reading.mapping(reading.mapping(answer.told).get("permissions"))
            scopes = sorted(f"{name}:{level}" for name, level in granted.items())
            return Rights(
                push=None,
                scopes=tuple(filter(SCOPE.fullmatch, scopes)),
                clock=date(answer.headers.get("Date", "")),
            )
        raise problem

    async def revoke(self, token: Token) -> None:
        """Ends a token; one that has ended already is fine. Raises KeyAway."""
        calls = Calls(self._api_url, token.value, self._transport)
        try:
            await calls.delete("/installation/token", asked="to revoke a token")
        except TokenRefused:
            return
        except ForgeAway as away:
            problem = KeyAway(away.words)
        except JobFailed as declined:
            problem = KeyAway(declined.failure.message)
        else:
            return
        raise problem

    def secret(self) -> str:
        """The key itself. Raises NoKeyInFile with REPO_AUTH where it cannot be read."""
        try:
            return self._key.text()
        except KeyUnreadable as unreadable:
            raise _unreadable(self._key, unreadable, Reason.REPO_AUTH) from None

    def _not_taken(self, reason: Reason, asked: str) -> JobFailed:
        return failed(
            reason,
            f"The forge does not take the key of app {self._key.app_id}, {asked}.",
            "Set PAWL_GITHUB_APP_ID and PAWL_GITHUB_APP_KEY_FILE to the same app's id and key, and "
            "see that the orchestrator's clock is right" + AGAIN,
        )

    async def _mint(self, slug: Slug, purpose: Purpose) -> Minted:
        signed = await once_there(self._key.signed, pauses=self._pauses, missing=KeyUnreadable)
        calls = Calls(self._api_url, signed, self._transport, meaning=_meaning)
        found = await calls.get(
            f"{path_of(slug)}/installation", asked="to look for the app's installation"
        )
        installation = reading.number(reading.mapping(found.told), "id")
        minted = await calls.post(
            f"/app/installations/{installation}/access_tokens",
            asked="to make a token",
            body={"repositories": [slug.name], "permissions": dict(PERMISSIONS[purpose])},
        )
        told = reading.mapping(minted.told)
        value = reading.text(told, "token")
        if len(value) > LONGEST_TOKEN or not value.isascii() or not value.isprintable():
            raise reading.unreadable()
        return Minted(Token(value), _valid(told, minted))


def _valid(told: dict[str, Any], answer: Answer) -> timedelta:
    """By the forge's own clock: this machine's may differ."""
    until = reading.time(told, "expires_at")
    told_at = date(answer.headers.get("Date", "")) or datetime.now(UTC)
    return min(until - told_at, LONGEST)


def _meaning(answer: httpx.Response, *, asked: str, token: str, now: datetime) -> Exception:
    if answer.status_code == 404:
        return _NotThere()
    return meaning(answer, asked=asked, token=token, now=now)


def _unreadable(key: AppKey, why: KeyUnreadable, reason: Reason) -> JobFailed:
    return NoKeyInFile(
        Failure(
            reason,
            f"PAWL_GITHUB_APP_KEY_FILE ({key.path}) cannot be used: {why}.",
            "Put the app's private key into the file, as GitHub gave it, readable by the "
            "orchestrator" + AGAIN,
        )
    )
