"""The Keys of a Vault: each job reaches its repository with the secrets its task names."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from typing_extensions import override

from services.orchestrator.jobs.failures import Failure, JobFailed, failed
from services.orchestrator.source.key_files import PAUSES, NoKeyInFile, once_there
from services.orchestrator.source.keys import AuthRefs, KeyAway, Keys, Purpose, Token
from services.orchestrator.source.location import Location
from services.orchestrator.source.token_file import REASONS, read_token, usable
from services.orchestrator.vault.reading import Vault, VaultAway, VaultRefused
from services.orchestrator.vault.reference import Reference, parse

logger = structlog.get_logger(__name__)

READ_SECONDS = 30.0
"""For one value, with the wait for a thread: a Vault that hangs ends nobody's patience alone."""
AT_ONCE = 8
LATELY_SECONDS = 24 * 3600.0
MOST_REMEMBERED = 256
AGAIN = "then retry the job."


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultKeys(Keys):
    """Reads a value each time that it is asked for; none is ever given out from memory."""

    vault: Vault
    token_file: Path
    """Read at each use, so that the token can be replaced."""
    mounts: Sequence[str]
    """Those that tasks may name secrets of."""
    trusts: Callable[[Location], bool]
    """Whether the operator has named the repository's host. Whoever may submit a task chooses
    both the secret and the host, and must not have the one sent to the other."""
    threads: ThreadPoolExecutor = field(repr=False)
    pauses: Sequence[timedelta] = PAUSES
    """Between tries of a token file that holds none."""
    clock: Callable[[], float] = time.monotonic
    _given: dict[str, float] = field(default_factory=dict, repr=False)
    """Values with when they were given out last, in that order."""

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The value a task names for `purpose`; None where it names none.

        Raises as `Keys.token` does.
        """
        text = refs.of(purpose)
        if text is None:
            return None
        reference, mount, path = self._found(location, text, purpose)
        try:
            value = await self._read(mount, path, reference, purpose)
        except VaultRefused as refused:
            raise _unusable(
                purpose, f"{text} cannot be read: {refused}", f"{_RIGHTS.format(mount=mount)}"
            ) from None
        except VaultAway as away:
            logger.warning("vault_away", why=str(away))
            raise KeyAway(f"{away}; {text} is there") from None
        token = usable(value)
        if token is None:
            raise _unusable(
                purpose,
                f"{text} holds no token: it is empty, too long or has more than plain characters",
                "Put a token into the field in Vault",
            )
        self._remember(token)
        return Token(token)

    @override
    def offers(self, location: Location, refs: AuthRefs, purpose: Purpose) -> bool:
        """Whether the task names a secret. Raises `JobFailed` for one it may not name."""
        text = refs.of(purpose)
        if text is not None:
            self._found(location, text, purpose)
        return text is not None

    @override
    def known(self) -> Sequence[str]:
        """The values given out within the last day."""
        self._forget()
        return tuple(self._given)

    def _found(self, location: Location, text: str, purpose: Purpose) -> tuple[Reference, str, str]:
        reference = parse(text)
        if reference is None:
            raise _unusable(
                purpose,
                "the task's auth names no secret in the form vault://mount/path#field",
                "Correct task's auth.repoAuthRef or auth.publishAuthRef",
            )
        below = reference.below(self.mounts)
        if below is None:
            raise _unusable(
                purpose,
                f"{text} is in no mount that tasks may name: {reference.path[0]} is not among "
                "PAWL_VAULT_MOUNTS",
                "Add the mount to PAWL_VAULT_MOUNTS if everybody who may submit tasks may use "
                "its secrets, or name a secret of another mount",
            )
        if not self.trusts(location):
            raise _unusable(
                purpose,
                f"{text} is not sent to {location.host}, which the operator has not named",
                "Add the host to PAWL_ALLOWED_HOSTS, or use a repository of the forge that "
                "PAWL_GITHUB_URL names",
            )
        return reference, *below

    async def _read(self, mount: str, path: str, reference: Reference, purpose: Purpose) -> str:
        token = await once_there(lambda: self._own_token(purpose), pauses=self.pauses)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await loop.run_in_executor(
                    self.threads, self.vault.read, token, mount, path, reference.field
                )
        except TimeoutError:
            raise VaultAway("Vault does not answer in time") from None

    def _own_token(self, purpose: Purpose) -> str:
        token = read_token(self.token_file)
        if token is None:
            raise NoKeyInFile(
                Failure(
                    REASONS[purpose],
                    f"PAWL_VAULT_TOKEN_FILE ({self.token_file}) holds no token that can be read",
                    f"Put the Vault's token into the file, readable by the orchestrator; {AGAIN}",
                )
            )
        return token

    def _remember(self, value: str) -> None:
        self._given.pop(value, None)
        self._given[value] = self.clock()
        self._forget()

    def _forget(self) -> None:
        oldest = self.clock() - LATELY_SECONDS
        for value, when in list(self._given.items()):
            if when >= oldest and len(self._given) <= MOST_REMEMBERED:
                break
            del self._given[value]


@contextmanager
def vault_keys(
    vault: Vault, *, token_file: Path, mounts: Sequence[str], trusts: Callable[[Location], bool]
) -> Iterator[VaultKeys]:
    """Keys with threads of their own: a Vault that hangs takes none that others need."""
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="vault")
    try:
        yield VaultKeys(
            vault=vault, token_file=token_file, mounts=mounts, trusts=trusts, threads=threads
        )
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


_RIGHTS = (
    "Correct the reference, or give the orchestrator's token (PAWL_VAULT_TOKEN_FILE) a policy "
    "that may read it in the mount {mount}"
)


def _unusable(purpose: Purpose, message: str, remedy: str) -> JobFailed:
    return failed(REASONS[purpose], message, f"{remedy}; {AGAIN}")
