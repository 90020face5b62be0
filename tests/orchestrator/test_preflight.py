"""Those who run the orchestrator hear what is wrong with its forge before a job does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pawl.storage import Concern, Storage
from services.orchestrator import preflight as module
from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.forge import Rights
from services.orchestrator.preflight import Preflight, of_rights, telling
from services.orchestrator.source.token_file import TokenFile
from tests.orchestrator.forge.app_house import AppHouse, app_house
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Operation
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.key_pair import key_pair

TOKEN = "ghp_" + "0123456789abcdef" * 2 + "0123"
NOW = datetime(2026, 3, 4, tzinfo=UTC)


@dataclass
class Kept:
    """Keeps nothing, and has one thing to say."""

    concerns: tuple[Concern, ...] = (
        Concern(reason="GIT_HOLES", message="old", remedy="Install.", grave=False),
    )
    asked: int = 0

    async def report(self) -> Storage:
        self.asked += 1
        return Storage(time=NOW, concerns=self.concerns)


@dataclass
class Hands:
    """A clock that goes when it is told to."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Rig:
    """A forge and who looks at it."""

    forge: FakeForge
    file: Path
    hands: Hands = field(default_factory=Hands)

    def preflight(self, url: str = "") -> Preflight:
        url = url or self.forge.url
        return Preflight(
            keeping=Kept(),
            forge=GitHubForge(url, url, {}),
            url=url,
            token_file=TokenFile(path=self.file, url=url),
            clock=self.hands,
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with fake_forge(FakeForge(Audit(tmp_path / "audit"), {TOKEN: "pawl"}, {})) as running:
        yield Rig(running, file)


async def told(preflight: Preflight) -> dict[str, Concern]:
    return {one.reason: one for one in await preflight.concerns()}


async def test_a_forge_that_takes_the_token_is_nothing_to_look_at(rig: Rig) -> None:
    assert await told(rig.preflight()) == {}


@pytest.mark.parametrize(
    "manner",
    [Manner.LOST, Manner.SERVER_ERROR, Manner.HTML, Manner.HUGE, Manner.REDIRECT],
)
async def test_a_forge_that_does_not_answer_is_told_of(rig: Rig, manner: Manner) -> None:
    rig.forge.manners.set(Operation.ROOT, manner)

    found = await told(rig.preflight())

    assert found.keys() == {"FORGE_AWAY"}
    assert found["FORGE_AWAY"].grave
    assert "PAWL_GITHUB_API_URL" in found["FORGE_AWAY"].remedy


async def test_an_address_where_nobody_listens_is_told_of(rig: Rig) -> None:
    found = await told(rig.preflight("http://127.0.0.1:9"))

    assert "http://127.0.0.1:9 does not answer" in found["FORGE_AWAY"].message


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The address of what takes requests and never answers."""

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(reads, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


async def test_a_forge_that_says_nothing_is_not_waited_for(
    rig: Rig, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)

    found = await told(rig.preflight(silent))

    assert "said nothing for" in found["FORGE_AWAY"].message


async def test_a_token_that_is_not_taken_is_told_of_without_its_value(rig: Rig) -> None:
    rig.file.write_text("ghp_another")

    found = await told(rig.preflight())

    refused = found["FORGE_TOKEN_REFUSED"]
    assert refused.grave
    assert "PAWL_GITHUB_TOKEN_FILE" in refused.remedy
    assert "ghp_another" not in f"{refused}"


async def test_a_file_without_a_token_is_named(rig: Rig) -> None:
    rig.file.write_text("")

    found = await told(rig.preflight())

    assert str(rig.file) in found["FORGE_UNUSABLE"].message


async def test_without_a_key_it_says_what_is_not_taken() -> None:
    bare = Preflight(keeping=Kept(), forge=None, url="https://api.github.com", token_file=None)

    found = await told(bare)

    assert not found["NO_FORGE_KEY"].grave
    assert "PAWL_GITHUB_TOKEN_FILE" in found["NO_FORGE_KEY"].remedy


@pytest.mark.parametrize(
    ("permissions", "reasons"),
    [
        ({"contents": "write", "metadata": "read", "pull_requests": "write"}, set()),
        ({"contents": "write", "pull_requests": "write", "checks": "read"}, set()),
        ({"contents": "read", "pull_requests": "write"}, {"FORGE_APP_LACKS"}),
        ({}, {"FORGE_APP_LACKS"}),
        (
            {"contents": "write", "pull_requests": "write", "workflows": "write"},
            {"FORGE_APP_POWERFUL"},
        ),
    ],
)
async def test_what_an_app_may_be_granted_is_judged(
    tmp_path: Path, permissions: dict[str, str], reasons: set[str]
) -> None:
    with app_house(tmp_path) as house:
        house.fake.permissions = permissions
        found = await told(of_app_alone(house))
    assert found.keys() == reasons
    assert all(one.remedy for one in found.values())


async def test_a_key_that_is_another_apps_is_told_of(tmp_path: Path) -> None:
    with app_house(tmp_path) as house:
        house.key_file.write_text(key_pair("another").private)
        refused = await told(of_app_alone(house))
        house.key_file.write_text("s3cret words")
        unreadable = await told(of_app_alone(house))
        house.forge.manners.set(Operation.APP, Manner.SERVER_ERROR)
        house.key_file.write_text(key_pair().private)
        away = await told(of_app_alone(house))
    assert "PAWL_GITHUB_APP_ID" in refused["FORGE_UNUSABLE"].remedy
    assert "PAWL_GITHUB_APP_KEY_FILE" in unreadable["FORGE_UNUSABLE"].message
    assert "s3cret" not in f"{unreadable}"
    assert away.keys() == {"FORGE_AWAY"}


async def test_what_two_keys_both_meet_is_told_once(tmp_path: Path) -> None:
    with app_house(tmp_path) as house:
        house.forge.tokens[TOKEN] = "pawl"
        (tmp_path / "token").write_text(TOKEN)
        for operation in (Operation.APP, Operation.ROOT):
            house.forge.manners.set(operation, Manner.SERVER_ERROR)
        preflight = of_app_alone(house)
        preflight.token_file = TokenFile(path=tmp_path / "token", url=house.forge.url)

        found = await preflight.concerns()

    assert [one.reason for one in found] == ["FORGE_AWAY"]


def of_app_alone(house: AppHouse) -> Preflight:
    url = house.forge.url
    return Preflight(
        keeping=Kept(), forge=GitHubForge(url, url, {}), url=url, token_file=None, app=house.app
    )


@pytest.mark.parametrize(
    ("scopes", "offset", "reasons"),
    [
        (None, 0, set()),
        ((), 0, set()),
        (("repo",), 59, set()),
        (("public_repo", "read:org"), -59, set()),
        (("gist", "read:org"), 0, {"FORGE_TOKEN_LACKS"}),
        (("repo", "workflow", "admin:org"), 0, {"FORGE_TOKEN_POWERFUL"}),
        (("delete_repo",), 0, {"FORGE_TOKEN_LACKS", "FORGE_TOKEN_POWERFUL"}),
        (("repo",), 61, {"FORGE_CLOCK_DIFFERS"}),
        (("repo",), -61, {"FORGE_CLOCK_DIFFERS"}),
    ],
)
def test_scopes_and_clocks_are_judged(
    scopes: tuple[str, ...] | None, offset: int, reasons: set[str]
) -> None:
    rights = Rights(push=None, scopes=scopes, clock=NOW)

    found = {one.reason: one for one in of_rights(rights, now=NOW + timedelta(seconds=offset))}

    assert found.keys() == reasons
    if "FORGE_CLOCK_DIFFERS" in reasons:
        direction = "ahead of" if offset > 0 else "behind"
        assert f"61 s {direction} the forge's" in found["FORGE_CLOCK_DIFFERS"].message


async def test_the_forge_is_asked_once_a_minute_however_many_want_to_know(rig: Rig) -> None:
    preflight = rig.preflight()
    rig.forge.manners.set(Operation.ROOT, Manner.LOST)
    await asyncio.gather(*(preflight.concerns() for _ in range(5)))
    rig.forge.manners.release()

    rig.hands.seconds = 60
    still = await told(preflight)
    rig.hands.seconds = 61
    anew = await told(preflight)

    assert still.keys() == {"FORGE_AWAY"}
    assert anew == {}


async def test_a_report_holds_the_forges_concerns_and_the_others_the_worst_first(rig: Rig) -> None:
    rig.forge.manners.set(Operation.ROOT, Manner.LOST)

    report = await rig.preflight().report()

    assert [one.reason for one in report.concerns] == ["FORGE_AWAY", "GIT_HOLES"]


async def test_the_log_tells_everything_there_is_to_look_at(rig: Rig) -> None:
    rig.file.write_text("ghp_another")

    with capture_logs() as lines:
        await rig.preflight().tell()

    levels = {line["reason"]: line["log_level"] for line in lines}
    assert levels == {"FORGE_TOKEN_REFUSED": "warning", "GIT_HOLES": "info"}
    assert all(line["remedy"] for line in lines)
    assert "ghp_another" not in f"{lines}"


async def test_neither_start_nor_end_waits_for_the_forge(rig: Rig, silent: str) -> None:
    preflight = rig.preflight(silent)

    async with asyncio.timeout(2), telling(preflight):
        await preflight.keeping.report()
