"""Each job reaches its repository with its own key, on a mirror that it shares with others."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import AuthRefs, Purpose
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.push import push
from services.orchestrator.vault.keys import VaultKeys, vault_keys
from services.orchestrator.vault.reading import Vault
from tests.orchestrator.source.repositories import ENVIRONMENT, Upstream
from tests.support.fake_vault import FakeVault, fake_vault
from tests.support.git_server import GitServer, git_server

ADA = AuthRefs(repo="vault://kv/ada#token")
BOB = AuthRefs(repo="vault://kv/bob#token")
MALLORY = AuthRefs(repo="vault://kv/mallory#token")


@dataclass(frozen=True)
class Place:
    """A private repository, a Vault, and the one mirror between them."""

    server: GitServer
    vault: FakeVault
    keys: VaultKeys
    mirror: Mirror
    origin: Upstream

    def passwords(self) -> set[str]:
        """Those that came to the repository's host."""
        headers = [header for _, header in self.server.requests if header]
        return {base64.b64decode(one.split()[1]).decode().split(":", 1)[1] for one in headers}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    origin = Upstream(tmp_path / "origin.git")
    origin.commit(origin.files(a="one\n"))
    (tmp_path / "vault-token").write_text("hvs.root")
    with fake_vault() as vault, git_server(tmp_path) as server:
        server.token = "ada-may-push"
        server.readers = {"bob-may-read"}
        vault.secrets = {
            "kv/ada": {"token": "ada-may-push"},
            "kv/bob": {"token": "bob-may-read"},
            "kv/mallory": {"token": "of-something-else"},
        }
        with vault_keys(
            Vault(address=vault.address, answer_seconds=8),
            token_file=tmp_path / "vault-token",
            mounts=("kv",),
            trusts=lambda _: True,
        ) as keys:
            mirrors = Mirrors(
                tmp_path / "mirrors",
                git=Git(path=ENVIRONMENT["PATH"]),
                credentials=Credentials(keys=Keyring(vault=keys)),
                allow_local=True,
                limits=FetchLimits(pauses=(timedelta(0), timedelta(0))),
            )
            mirror = asyncio.run(mirrors.open(f"{server.url}/origin.git"))
            yield Place(server=server, vault=vault, keys=keys, mirror=mirror, origin=origin)


async def refused(place: Place, refs: AuthRefs) -> JobFailed:
    with pytest.raises(JobFailed) as told:
        await place.mirror.fetch(refs)
    return told.value


async def test_two_jobs_fetch_one_repository_with_a_key_each(place: Place) -> None:
    await place.mirror.fetch(ADA)
    await place.mirror.fetch(BOB)

    assert place.passwords() == {"ada-may-push", "bob-may-read"}


async def test_a_mirror_that_anothers_key_has_filled_lets_nobody_else_in(place: Place) -> None:
    """The objects are all there; whether the job may have them only its own key tells."""
    await place.mirror.fetch(ADA)

    told = await refused(place, MALLORY)

    assert told.failure.reason is Reason.REPO_AUTH
    assert "vault://kv/mallory#token" in told.failure.remedy
    assert "of-something-else" not in str(told)


async def test_a_fetch_is_shared_by_those_with_the_same_key_alone(place: Place) -> None:
    with place.server.holding("info/refs") as waited_for:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(place.mirror.fetch(ADA))
            await asyncio.to_thread(waited_for.wait, 5)
            others = [tasks.create_task(place.mirror.fetch(ADA)) for _ in range(3)]
            strangers = [tasks.create_task(refused(place, MALLORY)) for _ in range(3)]
            bob = tasks.create_task(place.mirror.fetch(BOB))
            await in_line(place.mirror, 7)
            assert place.server.held is not None
            place.server.held.over.set()

    # The fetch that was under way, the one after it for those who came meanwhile.
    assert place.mirror._begun == 4
    assert all(one.result().failure.reason is Reason.REPO_AUTH for one in strangers)
    assert [one.exception() for one in (first, *others, bob)] == [None] * 5


async def in_line(mirror: Mirror, callers: int) -> None:
    """Until so many have their keys and wait for their turn to fetch."""
    while len(mirror._fetching._waiters or ()) < callers:
        await moment()


async def moment() -> None:
    """Between two looks; the test's own time limit ends a wait for what never comes."""
    await asyncio.sleep(0.01)


async def test_a_vault_that_hangs_holds_up_nobody_with_another_key(
    place: Place, tmp_path: Path
) -> None:
    place.server.token = None
    place.vault.held = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        stuck = tasks.create_task(place.mirror.fetch(ADA))
        while not place.vault.requests:
            await moment()

        await place.mirror.fetch()

        assert not stuck.done()
        place.vault.held.set()


async def test_a_vault_that_is_away_for_a_moment_is_waited_for(place: Place) -> None:
    place.vault.sealed = True
    tries = 0

    class Unsealing(list[str]):
        def append(self, path: str) -> None:
            nonlocal tries
            tries += 1
            place.vault.sealed = tries < 3
            super().append(path)

    place.vault.requests = Unsealing()

    await place.mirror.fetch(ADA)

    assert tries == 4  # two refusals; then the mount, and the secret in it


async def test_a_vault_that_stays_away_is_told_of_as_a_host_that_does(place: Place) -> None:
    place.vault.sealed = True

    told = await refused(place, ADA)

    assert told.failure.reason is Reason.REPO_UNREACHABLE
    assert "sealed" in told.failure.message
    assert len(place.vault.requests) == 3
    assert place.server.requests == []


async def test_a_key_that_was_rotated_while_a_fetch_waited_is_asked_for_again(
    place: Place,
) -> None:
    place.vault.secrets["kv/bob"] = {"token": "of-last-week"}
    with place.server.holding("info/refs") as waited_for:
        async with asyncio.TaskGroup() as tasks:
            fetch = tasks.create_task(place.mirror.fetch(BOB))
            await asyncio.to_thread(waited_for.wait, 5)
            place.vault.secrets["kv/bob"] = {"token": "bob-may-read"}
            assert place.server.held is not None
            place.server.held.over.set()

    assert fetch.exception() is None


@pytest.mark.parametrize(
    ("refs", "reason"),
    [
        (ADA, None),
        (AuthRefs(repo=BOB.repo, publish=ADA.repo), None),
        (BOB, Reason.PUBLISH_AUTH),
        (AuthRefs(repo=ADA.repo, publish=BOB.repo), Reason.PUBLISH_AUTH),
        (AuthRefs(repo=ADA.repo, publish="vault://kv/none#token"), Reason.PUBLISH_AUTH),
    ],
)
async def test_a_push_is_made_with_what_the_task_names_for_it(
    place: Place, refs: AuthRefs, reason: Reason | None
) -> None:
    await place.mirror.fetch(refs)
    commit = await place.mirror.branch_commit("main")

    pushed = push(place.mirror, commit=commit, branch="new", expected=None, refs=refs)
    if reason is None:
        await pushed
        assert place.origin.head("new") == commit
        return
    with pytest.raises(JobFailed, match=reason.value):
        await pushed


async def test_a_push_without_its_vault_has_no_effect(place: Place) -> None:
    await place.mirror.fetch(ADA)
    commit = await place.mirror.branch_commit("main")
    place.vault.sealed = True

    with pytest.raises(JobFailed) as told:
        await push(place.mirror, commit=commit, branch="new", expected=None, refs=ADA)

    assert told.value.failure.reason is Reason.PUBLISH_UNAVAILABLE
    assert not any("receive-pack" in path for path, _ in place.server.requests)


async def test_what_was_used_lately_is_known_in_every_form_it_is_sent_in(place: Place) -> None:
    await place.mirror.fetch(ADA)

    basic = base64.b64encode(b"x-access-token:ada-may-push").decode()
    assert {"ada-may-push", basic} <= set(place.mirror.origin._credentials.known())


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("how", ["ssh", "file"])
async def test_a_secret_is_of_no_use_where_no_token_is(
    place: Place, tmp_path: Path, how: str, purpose: Purpose
) -> None:
    """The operator's ssh key, or his user's rights, would open it in the secret's place."""
    repository = {"ssh": "git@github.com:ada/engine.git", "file": str(tmp_path / "origin.git")}[how]
    mirrors = Mirrors(
        tmp_path / "others",
        git=Git(path=ENVIRONMENT["PATH"]),
        credentials=Credentials(keys=Keyring(vault=place.keys), home=tmp_path),
        allow_local=True,
    )
    mirror = await mirrors.open(repository)

    with pytest.raises(JobFailed, match="by https alone"):
        mirror.origin.check(ADA, purpose)
    with pytest.raises(JobFailed, match="by https alone"):
        await mirror.origin.access(ADA, purpose)
    assert place.vault.requests == []
