"""What there is to say of the Vault before a job needs a secret of it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pawl.storage import Concern
from services.orchestrator.source.token_file import read_token
from services.orchestrator.vault.keys import VaultKeys
from services.orchestrator.vault.reading import Life, VaultAway, VaultRefused

LOOK_SECONDS = 10.0
"""Whoever asks how things are waits no longer for a Vault that says nothing."""
SOON = timedelta(hours=1)
UNRENEWED = timedelta(days=1)
"""Before the end of a token that nobody can renew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultStanding:
    """Looks at the Vault as the keys of jobs reach it; asks for no secret."""

    keys: VaultKeys

    async def concerns(self) -> Sequence[Concern]:
        """All that a person should look at."""
        token = read_token(self.keys.token_file)
        if token is None:
            return [_token_refused(f"{self.keys.token_file} holds none that can be read")]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await loop.run_in_executor(self.keys.threads, self._look, token)
        except TimeoutError:
            return [self._away(f"it said nothing for {LOOK_SECONDS:g} seconds")]
        except VaultAway as away:
            return [self._away(str(away))]

    def _look(self, token: str) -> Sequence[Concern]:
        vault, mounts = self.keys.vault, self.keys.mounts
        refused: dict[str, str] = {}
        for mount in mounts:
            try:
                vault.look_at(token, mount)
            except VaultRefused as problem:
                refused[mount] = str(problem)
        life: Life | None = None
        try:
            life = vault.life(token)
        except VaultRefused as problem:
            # A token that may read secrets need not be allowed to look at itself.
            if len(refused) == len(mounts):
                return [_token_refused(str(problem))]
        return [*_of_mounts(mounts, refused), *_of_life(life)]

    def _away(self, why: str) -> Concern:
        return Concern(
            reason="VAULT_AWAY",
            message=f"{self.keys.vault.address} does not serve: {why}",
            remedy="See that PAWL_VAULT_ADDR names a Vault that is unsealed and can be reached "
            "from here; jobs that name no secret go on meanwhile.",
            grave=True,
        )


def _token_refused(why: str) -> Concern:
    return Concern(
        reason="VAULT_TOKEN_REFUSED",
        message=f"no secret can be read with the Vault's token: {why}",
        remedy="Put one that is in force into the file PAWL_VAULT_TOKEN_FILE names.",
        grave=True,
    )


def _of_mounts(mounts: Sequence[str], refused: Mapping[str, str]) -> Iterator[Concern]:
    if not mounts:
        yield Concern(
            reason="VAULT_NO_MOUNTS",
            message="there is a Vault, and no task may name a secret of it",
            remedy="List in PAWL_VAULT_MOUNTS the mounts whose secrets everybody may use who "
            "submits tasks, or leave PAWL_VAULT_ADDR out.",
            grave=False,
        )
    for mount, why in refused.items():
        yield Concern(
            reason="VAULT_MOUNT_UNUSABLE",
            message=f"tasks may name secrets of {mount}, and none can be read: {why}",
            remedy="Correct PAWL_VAULT_MOUNTS, or give the token of PAWL_VAULT_TOKEN_FILE a policy "
            "that may read there.",
            grave=True,
        )


def _of_life(life: Life | None) -> Iterator[Concern]:
    if life is None or life.left is None:
        return
    if life.left <= (SOON if life.renewable else UNRENEWED):
        minutes = max(1, round(life.left.total_seconds() / 60))
        yield Concern(
            reason="VAULT_TOKEN_ENDS",
            message=f"the Vault's token ends in {minutes} min"
            + ("" if life.renewable else ", and cannot be renewed"),
            remedy="Have an agent of the Vault keep the file of PAWL_VAULT_TOKEN_FILE filled, or "
            "put a longer-lived token into it.",
            grave=not life.renewable and life.left <= SOON,
        )
