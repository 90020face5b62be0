"""All that this deployment has of keys, and which of them counts for a job."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from services.orchestrator.jobs.failures import failed
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location
from services.orchestrator.source.token_file import REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring(Keys):
    """Whatever is None is not configured; with nothing, every repository is a public one."""

    vault: Keys | None = None
    """The secrets that tasks name."""
    app: Keys | None = None
    """The deployment's app of the forge, which counts where it is installed."""
    file: Keys | None = None
    """The deployment's one token, for all that the app is not installed in."""

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The token of the key that counts. Raises as `Keys.token` does.

        A task that names a secret gets that one or none: another key could reach further than
        its author may.
        """
        for key in self._for(refs, purpose):
            token = await key.token(location, refs, purpose, fresh=fresh)
            if token is not None:
                return token
        return None

    @override
    def offers(self, location: Location, refs: AuthRefs, purpose: Purpose) -> bool:
        """Whether any key that counts does. Raises as `Keys.offers` does."""
        return any(key.offers(location, refs, purpose) for key in self._for(refs, purpose))

    @override
    def release(self, holder: str) -> None:
        """Gives back what any key has made for `holder`."""
        for key in self._all:
            key.release(holder)

    @override
    def known(self) -> Sequence[str]:
        """Every value of every key. Raises as `Keys.known` does."""
        return [value for key in self._all for value in key.known()]

    @property
    def empty(self) -> bool:
        """Whether there is no key at all."""
        return not self._all

    @property
    def _all(self) -> Sequence[Keys]:
        return [key for key in (self.vault, *self._own) if key is not None]

    @property
    def _own(self) -> Sequence[Keys]:
        """The deployment's, the one that may least before the others."""
        return [key for key in (self.app, self.file) if key is not None]

    def _for(self, refs: AuthRefs, purpose: Purpose) -> Sequence[Keys]:
        if refs.of(purpose) is None:
            return self._own
        if self.vault is not None:
            return [self.vault]
        raise failed(
            REASONS[purpose],
            f"the task names the secret {refs.of(purpose)}, and this deployment has no Vault",
            "Set PAWL_VAULT_ADDR, PAWL_VAULT_TOKEN_FILE and PAWL_VAULT_MOUNTS, then retry the job; "
            "or submit the task without its auth.",
        )
