"""A fake forge with an app, and the orchestrator's side of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.orchestrator.forge.app import App
from services.orchestrator.forge.app_key import AppKey
from services.orchestrator.source.location import Location, locate
from tests.support.fake_forge.app import App as FakeApp
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.forge import FakeForge
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import fake_forge
from tests.support.key_pair import key_pair

APP_ID = "4711"
GRANTED = {"contents": "write", "metadata": "read", "pull_requests": "write", "workflows": "write"}


@dataclass(frozen=True, slots=True)
class AppHouse:
    """Both sides."""

    forge: FakeForge
    fake: FakeApp
    app: App
    key_file: Path

    def at(self, slug: str) -> Location:
        """A repository on the forge."""
        return locate(slug, forge_url=self.forge.url, allow_local=False)

    def audited(self, operation: str) -> list[dict[str, object]]:
        """What the forge has done of one kind."""
        results = [one for one in self.forge.audit.entries() if one["operation"] == operation]
        return [dict(one["result"]) for one in results]  # type: ignore[call-overload]


@contextmanager
def app_house(folder: Path) -> Iterator[AppHouse]:
    """The app is installed in ``o/n`` and ``o/other``, and ``p/apart``; not in ``o/bare``."""
    fake = FakeApp(
        APP_ID,
        key_pair().public,
        {slug: dict(GRANTED) for slug in ("o/n", "o/other", "p/apart")},
    )
    repositories = {}
    for slug in (*fake.installed, "o/bare"):
        owner, name = slug.split("/")
        repositories[slug] = Repository(owner, name, branches={"main": "a" * 40, "work": "b" * 40})
    served = FakeForge(Audit(folder / "audit"), {}, repositories, app=fake)
    key_file = folder / "app.pem"
    key_file.write_text(key_pair().private)
    key = AppKey(app_id=APP_ID, path=key_file, now=lambda: datetime.now(UTC))
    with fake_forge(served) as forge:
        yield AppHouse(forge, fake, App(forge.url, {}, key, pauses=()), key_file)
