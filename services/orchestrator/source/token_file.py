"""The deployment's own token for its forge, in a file that can be replaced at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from typing_extensions import override

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.source.key_files import PAUSES, NoKeyInFile, once_there
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location, lies_on

MAX_TOKEN_BYTES = 8 * 1024
REASONS = {Purpose.READ: Reason.REPO_AUTH, Purpose.PUBLISH: Reason.PUBLISH_AUTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile(Keys):
    """One token for every repository that is reached by http on one server."""

    path: Path
    """Read at every use, so that the token can be rotated."""
    url: str
    """The forge's; the token goes nowhere else."""
    pauses: Sequence[timedelta] = PAUSES
    """Between tries of a file that holds none."""

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The token; None for what is not on the forge. Raises as `Keys.token` does."""
        if not lies_on(location, self.url):
            return None
        return await once_there(lambda: self._read(purpose), pauses=self.pauses)

    @override
    def offers(self, location: Location, refs: AuthRefs, purpose: Purpose) -> bool:
        """Whether the repository is on the forge."""
        return lies_on(location, self.url)

    @override
    def known(self) -> Sequence[str]:
        """The token. Raises NoKeyInFile with REPO_AUTH when it cannot be read."""
        return (self._read(Purpose.READ).value,)

    def _read(self, purpose: Purpose) -> Token:
        token = read_token(self.path)
        if token is None:
            raise NoKeyInFile(
                Failure(
                    REASONS[purpose],
                    f"PAWL_GITHUB_TOKEN_FILE ({self.path}) holds no token that can be read.",
                    "Put the token into the file, readable by the orchestrator; "
                    "then retry the job.",
                )
            )
        return Token(token)


def read_token(path: Path) -> str | None:
    """The token in a file; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            return usable(file.read(MAX_TOKEN_BYTES).decode("ascii"))
    except (OSError, UnicodeDecodeError):
        return None


def usable(text: str) -> str | None:
    """A token as it is sent; None for what no header can hold."""
    token = text.strip()
    sound = token.isascii() and token.isprintable() and len(token) <= MAX_TOKEN_BYTES
    return token if token and sound else None
