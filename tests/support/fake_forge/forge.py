"""What a running fake forge holds, and what can be changed of it while it runs."""

from dataclasses import dataclass, field

from tests.support.fake_forge.app import App
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manners
from tests.support.fake_forge.repository import Repository


@dataclass
class FakeForge:
    """A running forge; change its fields while it runs to change what callers meet."""

    audit: Audit
    tokens: dict[str, str]
    """Who holds which token; a caller without one is refused."""
    repositories: dict[str, Repository]
    """By ``owner/name``."""
    manners: Manners = field(default_factory=Manners)
    url: str = ""
    late_seconds: float = 0
    """How much later."""
    retry_after: int | None = None
    """Seconds to wait that limits name, instead of their own."""
    html_url: str | None = None
    """Told of every pull request instead of its true address, when set."""
    people: frozenset[str] = frozenset()
    """Who is always answered faithfully, and may steer the forge."""
    answers: Audit | None = None
    """Where each answer that is not faithful is written down."""
    scopes: str | None = "repo"
    push: bool = True
    app: App | None = None

    def caller(self, token: str) -> str | None:
        """Who holds a token; None where it is not in force."""
        if self.app is not None and self.app.takes(token):
            return self.app.caller
        return self.tokens.get(token)
