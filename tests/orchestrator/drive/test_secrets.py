"""Jobs with secrets of their own, on one private repository, from their Vault to their branches."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.orchestrator.drive.ports import RunnerFull
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import Job, JobOutcome, JobState
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.vault.keys import vault_keys
from services.orchestrator.vault.reading import Vault
from tests.orchestrator.drive.house import House, house_at, plan
from tests.support.fake_vault import FakeVault, fake_vault
from tests.support.git_server import GitServer, git_server
from tests.support.scripted_runner import ScriptedRunner
from tests.support.stage import Stage

ADA, BOB, NONE = "vault://kv/ada#token", "vault://kv/bob#token", "vault://kv/none#token"


@dataclass(frozen=True)
class Place:
    house: House
    server: GitServer
    vault: FakeVault

    def asks(self, read: str | None, publish: str | None = None, mode: str = "branch") -> Plan:
        """A plan that names these secrets."""
        bare = plan(Path(), steps=1, mode=mode)
        auth = {"repoAuthRef": read, "publishAuthRef": publish}
        repository = f"{self.server.url}/origin.git"
        return replace(bare, task={**bare.task, "repository": repository, "auth": auth})

    async def done(self, request: Plan, *, writing: str = "new\n") -> Job:
        async def script(stage: Stage) -> None:
            (stage.tree / "a").write_text(writing)

        return await self.house.ended(await self.house.submit(script, request=request))

    def waits_long(self) -> None:
        """Gives who publishes more time than a loaded machine needs for a few tries."""
        tools, long = self.house.claimer._tools, timedelta(seconds=9)
        pace = replace(tools.pace, least_patience=long, most_patience=long)
        self.house.claimer._tools = replace(tools, pace=pace)

    async def asked_often(self, requests: list[Any]) -> None:
        """Waits for more requests than the tries of a fetch make."""
        while len(requests) < 8:
            await self.house._moment()

    def passwords(self, service: str) -> set[str]:
        """Those that came with requests for a service."""
        headers = [header for path, header in self.server.requests if service in path and header]
        return {base64.b64decode(one.split()[1]).decode().split(":", 1)[1] for one in headers}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    (tmp_path / "vault-token").write_text("hvs.root")
    with fake_vault() as vault, git_server(tmp_path) as server:
        server.token, server.readers = "ada-may-push", {"bob-may-read"}
        vault.secrets = {"kv/ada": {"token": "ada-may-push"}, "kv/bob": {"token": "bob-may-read"}}
        with vault_keys(
            Vault(address=vault.address, answer_seconds=8),
            token_file=tmp_path / "vault-token",
            mounts=("kv",),
            trusts=lambda _: True,
        ) as keys:
            async with house_at(tmp_path, keys=Keyring(vault=keys)) as house:
                yield Place(house=house, server=server, vault=vault)


def ended(job: Job) -> Reason | None:
    return job.failure.reason if job.failure else None


async def test_a_job_reads_with_one_secret_and_publishes_with_another(place: Place) -> None:
    job = await place.done(place.asks(BOB, ADA))

    assert job.outcome is JobOutcome.BRANCH
    assert place.passwords("git-upload-pack") == {"bob-may-read"}
    assert place.passwords("git-receive-pack") == {"ada-may-push"}


async def test_a_job_that_names_one_secret_publishes_with_it_too(place: Place) -> None:
    assert (await place.done(place.asks(ADA))).outcome is JobOutcome.BRANCH
    assert place.passwords("git-receive-pack") == {"ada-may-push"}


async def test_a_secret_is_read_for_the_stage_that_needs_it(place: Place) -> None:
    """The one to publish with may be put into the Vault when somebody has agreed to that."""
    del place.vault.secrets["kv/ada"]

    async def agree(stage: Stage) -> None:
        assert place.vault.reads("kv/ada") == 0
        (stage.tree / "a").write_text("new\n")
        place.vault.secrets["kv/ada"] = {"token": "ada-may-push"}

    job = await place.house.ended(await place.house.submit(agree, request=place.asks(BOB, ADA)))

    assert job.outcome is JobOutcome.BRANCH


async def test_a_job_whose_key_is_refused_gets_nothing_of_what_others_fetched(
    place: Place,
) -> None:
    await place.done(place.asks(ADA))
    place.vault.secrets["kv/mallory"] = {"token": "of-something-else"}
    homes = len(place.house.runner.runs)

    job = await place.done(place.asks("vault://kv/mallory#token"))

    assert ended(job) is Reason.REPO_AUTH
    assert (job.base_commit, job.workspace_id) == ("", "")
    assert len(place.house.runner.runs) == homes


async def test_a_job_that_is_claimed_again_has_its_key_let_in_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its base was pinned by the first claim, and its key withdrawn before the second."""

    async def full(*_: object) -> None:
        place.server.readers = set()
        raise RunnerFull("scripted to be full")

    monkeypatch.setattr(ScriptedRunner, "prepare", full)

    job = await place.done(place.asks(BOB))

    assert ended(job) is Reason.REPO_AUTH
    assert job.base_commit
    assert job.epoch == 2


@pytest.mark.parametrize(
    ("read", "publish", "reason"),
    [
        ("vault://other/ada#token", None, Reason.REPO_AUTH),
        (NONE, None, Reason.REPO_AUTH),
        (ADA, "vault://other/ada#token", Reason.PUBLISH_AUTH),
    ],
)
async def test_what_can_be_foreseen_ends_the_job_before_an_agent_runs(
    place: Place, read: str, publish: str | None, reason: Reason
) -> None:
    job = await place.done(place.asks(read, publish))

    assert ended(job) is reason
    assert place.house.runner.runs == {}


async def test_a_secret_to_publish_with_that_is_not_there_loses_no_work(place: Place) -> None:
    job = await place.done(place.asks(ADA, NONE))

    assert ended(job) is Reason.PUBLISH_AUTH
    assert job.cursor == 1
    assert "task.publish.intentRecorded" not in await place.house.types(job.job_id)


async def test_a_vault_that_is_away_ends_the_jobs_that_need_it_alone(place: Place) -> None:
    place.vault.sealed = True
    place.server.token = None

    needing = await place.done(place.asks(ADA))
    other = await place.done(place.asks(None))

    assert ended(needing) is Reason.REPO_UNREACHABLE
    assert other.state is JobState.SUCCEEDED


async def test_a_vault_that_is_away_as_a_job_publishes_costs_a_retry(place: Place) -> None:
    async def seals(stage: Stage) -> None:
        (stage.tree / "a").write_text("new\n")
        place.vault.sealed = True

    job_id = await place.house.submit(seals, request=place.asks(ADA))

    job = await place.house.ended(job_id)

    assert ended(job) is Reason.PUBLISH_UNAVAILABLE
    assert job.cursor == 1


async def test_a_vault_that_comes_back_while_a_job_waits_to_publish_costs_nothing(
    place: Place,
) -> None:
    """Work of a night was given up after five seconds without a Vault."""

    async def seals(stage: Stage) -> None:
        (stage.tree / "a").write_text("new\n")
        place.vault.sealed = True
        place.vault.requests.clear()

    place.waits_long()
    job_id = await place.house.submit(seals, request=place.asks(ADA))
    await place.asked_often(place.vault.requests)
    place.vault.sealed = False

    assert (await place.house.ended(job_id)).outcome is JobOutcome.BRANCH


@pytest.mark.parametrize("answer", [429, 503])
async def test_a_git_host_that_comes_back_while_a_job_waits_to_publish_costs_nothing(
    place: Place, answer: int
) -> None:
    """Work of a night was given up after five seconds without the host."""

    async def goes_away(stage: Stage) -> None:
        (stage.tree / "a").write_text("new\n")
        place.server.answer = answer
        place.server.requests.clear()

    place.waits_long()
    job_id = await place.house.submit(goes_away, request=place.asks(ADA))
    await place.asked_often(place.server.requests)
    place.server.answer = None

    assert (await place.house.ended(job_id)).outcome is JobOutcome.BRANCH


async def test_a_result_with_a_secret_that_the_job_named_is_not_pushed(place: Place) -> None:
    job = await place.done(place.asks(BOB, ADA), writing="password = ada-may-push\n")

    assert ended(job) is Reason.SECRET_DETECTED
    assert place.house.branches() == ["main"]


async def test_no_event_tells_a_secret(place: Place) -> None:
    told = [await place.done(place.asks(ADA)), await place.done(place.asks(NONE))]

    text = [repr(event) for job in told for event in await place.house.events(job.job_id)]
    assert not any("may-push" in one for one in [*text, repr(told)])


async def test_a_deployment_without_a_vault_says_so_before_an_agent_runs(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "another").mkdir()
    async with house_at(tmp_path / "another") as bare:
        elsewhere = Place(house=bare, server=place.server, vault=place.vault)
        job = await elsewhere.done(place.asks(None, ADA))

    assert ended(job) is Reason.PUBLISH_AUTH
    assert job.failure is not None
    assert "no Vault" in job.failure.message
