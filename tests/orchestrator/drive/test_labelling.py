"""A pull request gets its labels, and is no worse off where it does not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import Failure, Reason, failed
from services.orchestrator.jobs.forge import (
    AskedTooSoon,
    ForgeAway,
    TokenRefused,
    WantedPullRequest,
)
from services.orchestrator.jobs.job import Job, JobId, JobOutcome
from tests.orchestrator.drive.house import House, house_at, plan
from tests.support.repositories import git
from tests.support.scripted_forge import unanswered
from tests.support.stage import Stage

LABELS = ("agent", "needs review")
AWAY = ForgeAway("scripted to be away")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path) as standing:
        now_with(standing, LABELS)
        yield standing


def now_with(house: House, labels: tuple[str, ...]) -> None:
    house.claimer._tools = replace(house.claimer._tools, labels=labels)


def writes(name: str = "a") -> object:
    async def script(stage: Stage) -> None:
        (stage.tree / name).write_text("new\n")

    return script


async def submitted(house: House, name: str = "a", **asked: str) -> JobId:
    request = plan(house.origin, steps=1, mode="pr", **asked)  # type: ignore[arg-type]
    return await house.submit(writes(name), request=request)  # type: ignore[arg-type]


async def done(house: House, name: str = "a", **asked: str) -> Job:
    return await house.ended(await submitted(house, name, **asked))


async def last_of_the_stage(house: House, job: Job) -> dict[str, object]:
    told = [one for one in await house.events(job.job_id) if one.type == "task.stage.finished"]
    return dict(told[-1].payload)


async def test_a_pull_request_that_is_opened_is_labelled(house: House) -> None:
    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.labels == {1: [*LABELS]}
    assert await last_of_the_stage(house, job) == {"stage": "publish"}


async def test_a_pull_request_that_is_adopted_is_labelled(house: House) -> None:
    house.forge.troubles = [unanswered]

    await done(house)

    assert house.forge.labels == {1: [*LABELS]}


async def test_the_open_one_of_a_continued_branch_is_labelled(house: House) -> None:
    git(house.origin, "branch", "topic", house.base)
    house.forge.add(
        WantedPullRequest(head_branch="topic", base_branch="main", title="Other", body="")
    )

    await done(house, start="topic")

    assert house.forge.labels == {1: [*LABELS]}


async def test_a_draft_gets_the_same_labels(house: House) -> None:
    await done(house, ".gitlab-ci.yml")

    [pull] = house.forge.pulls
    assert pull.draft
    assert house.forge.labels == {1: [*LABELS]}


async def test_without_labels_the_forge_is_not_asked_for_any(house: House) -> None:
    now_with(house, ())

    await done(house)

    assert house.forge.asked == ["look", "open"]


async def test_the_token_for_labels_is_given_back_with_the_claims_others(house: House) -> None:
    """It was made for nobody, and stayed in force until it expired."""
    job = await done(house)

    assert house.forge.holders == {f"{job.job_id}/{job.epoch}"}


async def test_a_forge_that_is_away_for_a_moment_is_asked_again(house: House) -> None:
    house.forge.label_troubles = [AWAY, TokenRefused("not this one")]

    await done(house)

    assert house.forge.labels == {1: [*LABELS]}


async def test_a_forge_that_does_not_see_the_pull_request_yet_is_asked_again(house: House) -> None:
    unseen = AskedTooSoon(Failure(Reason.PUBLISH_AUTH, "no such pull request", ""))
    house.forge.label_troubles = [unseen, unseen]

    await done(house)

    assert house.forge.labels == {1: [*LABELS]}


async def test_who_takes_over_before_the_labels_were_added_adds_them(house: House) -> None:
    house.forge.label_troubles = [LeaseLost()]

    job_id = await submitted(house)
    await house.until(job_id, "task.publish.branchPushed")
    await house.lapse(job_id)
    job = await house.ended(job_id)

    assert job.epoch == 2
    assert house.forge.labels == {1: [*LABELS]}
    assert house.forge.asked.count("open") == 1


@pytest.mark.parametrize(
    ("troubles", "why"),
    [
        ([AWAY] * 50, "scripted to be away"),
        ([TokenRefused("not this one")] * 50, "not this one"),
        ([failed(Reason.PUBLISH_REJECTED, "no such label", "")] * 50, "no such label"),
    ],
    ids=["away", "refused", "declined"],
)
async def test_a_pull_request_without_its_labels_is_still_the_result(
    house: House, troubles: list[Exception], why: str
) -> None:
    """Failing would have people retry a job whose result they have."""
    house.forge.label_troubles = troubles

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert (await last_of_the_stage(house, job))["labelsMissing"] == why
    assert house.forge.asked.count("open") == 1
    assert house.forge.asked.count("label") <= 3
