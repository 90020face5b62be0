"""A forge without uniqueness, reached by HTTP: both of a race are seen, one of them told of."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.job import JobId
from services.orchestrator.reconciling import Reconciler
from services.orchestrator.source.location import locate
from tests.orchestrator.reconciling.house import QUICK, House, wanted
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.scripted_forge import OneKey


@pytest.fixture
def served(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge on this machine that does not keep to one pull request for a branch."""
    repository = Repository("o", "n", branches={"main": "a" * 40}, unique=False)
    forge = FakeForge(Audit(tmp_path / "audit"), {"token-1": "pawl"}, {"o/n": repository})
    with fake_forge(forge) as running:
        yield running


def behind(house: House, served: FakeForge, **policy: bool) -> Reconciler:
    """A reconciler that reaches a served forge by HTTP."""
    access = ForgeAccess(
        forge=GitHubForge(served.url, served.url, {}), keys=OneKey(house.forge), url=served.url
    )
    return replace(
        house.reconciler,
        access=access,
        locate=lambda _: locate(f"{served.url}/o/n.git", forge_url=served.url, allow_local=True),
        policy=replace(QUICK, **policy),  # type: ignore[arg-type]
    )


async def racing(house: House, served: FakeForge) -> JobId:
    """A job whose two owners asked at the same moment; the lower one was recorded."""
    repository = served.repositories["o/n"]
    job_id = await house.published(recorded=len(repository.pulls) + 1)
    branch = f"task/{job_id}"
    repository.branches[branch] = "c" * 40
    forge = GitHubForge(served.url, served.url, {}).repository("o", "n", "token-1")
    async with asyncio.TaskGroup() as owners:
        for _ in range(2):
            owners.create_task(forge.open(wanted(job_id, branch)))
    return job_id


async def test_two_owners_that_race_on_a_forge_without_uniqueness_are_found_over_http(
    house: House, served: FakeForge
) -> None:
    job_id = await racing(house, served)
    reconciler = behind(house, served)

    await reconciler.round()
    await house.later(job_id)
    await reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == (2,)
    kept, repeats = served.repositories["o/n"].pulls
    assert repeats.comments == ["This pull request repeats #1: both were opened for the same job."]
    assert (kept.comments, kept.state, repeats.state) == ([], "open", "open")


async def test_every_second_one_is_told_once_by_a_forge_that_fails_at_random(
    house: House, served: FakeForge
) -> None:
    """Answers are lost before and behind the work, and come as errors or as pages for people."""
    jobs = [await racing(house, served) for _ in range(3)]
    bad = (Manner.SERVER_ERROR, Manner.LOST, Manner.HTML, Manner.DONE_UNANSWERED)
    served.manners.draw(5, {Manner.FAITHFUL: 0.8, **dict.fromkeys(bad, 0.05)})
    reconciler = behind(house, served)
    repeats = served.repositories["o/n"].pulls[1::2]

    rounds = 0
    while await house.store.unreconciled(back=QUICK.back, spacing=QUICK.round, limit=1):
        rounds += 1
        assert rounds < 60
        await reconciler.round()

    assert rounds > 1
    assert [len(one.comments) for one in repeats] == [1] * 3
    noted = [(await house.job(job_id)).duplicate_pull_requests for job_id in jobs]
    assert noted == [(one.number,) for one in repeats]


async def test_what_people_open_again_is_not_closed_a_second_time(
    house: House, served: FakeForge
) -> None:
    job_id = await racing(house, served)
    reconciler = behind(house, served, close=True)
    repeats = served.repositories["o/n"].pulls[1]

    await reconciler.round()
    assert repeats.state == "closed"
    repeats.state = "open"
    await house.later(job_id)
    await reconciler.round()

    assert repeats.state == "open"
    assert len(repeats.comments) == 1
