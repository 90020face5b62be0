"""Which of the pull requests that are there already is the job's."""

import pytest

from services.orchestrator.jobs.forge import PullState
from services.orchestrator.jobs.job import JobOutcome
from services.orchestrator.jobs.publishing import marker
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.pulls import AWAY, done, other, payload_of
from tests.support.repositories import git


@pytest.mark.parametrize("state", [PullState.CLOSED, PullState.MERGED])
async def test_what_a_person_has_closed_is_recorded_and_not_opened_again(
    house: House, state: PullState
) -> None:
    def opened_and_closed(carry_out: object) -> object:
        pull = carry_out()  # type: ignore[operator]
        house.forge.become(pull.number, state)
        raise AWAY

    house.forge.troubles = [opened_and_closed]  # type: ignore[list-item]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    told = await payload_of(house, job.job_id, "task.publish.pullRequestOpened")
    assert told["state"] == state.value


async def test_the_open_pull_request_of_a_continued_branch_is_taken(house: House) -> None:
    git(house.origin, "branch", "topic", house.base)
    house.forge.add(other("topic"))

    job = await done(house, start="topic")

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert [pull.number for pull in house.forge.pulls] == [1]
    assert job.working_branch == "topic"
    assert "open" not in house.forge.asked


async def test_an_older_closed_one_of_a_reused_name_is_not_taken(house: House) -> None:
    git(house.origin, "branch", "fix/a", house.base)
    old = house.forge.add(other("fix/a"))
    house.forge.become(old.number, PullState.MERGED)
    git(house.origin, "branch", "-D", "fix/a")

    job = await done(house, branch="fix/a")

    assert job.pull_request_url.endswith("/2")


async def test_a_strangers_pull_request_is_never_taken(house: House) -> None:
    """Anybody may read the job's id on its branch, and open one of a fork that says so."""

    def overtaken(carry_out: object) -> object:
        job_id = house.runner.started[0].partition("/")[0]
        branch = git(house.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/task")
        house.forge.add(other(branch, marker(job_id)), foreign=True)
        raise AWAY

    house.forge.troubles = [overtaken]  # type: ignore[list-item]

    job = await done(house)

    assert job.pull_request_url.endswith("/2")


async def test_two_that_say_they_are_the_jobs_are_reported(house: House) -> None:
    house.forge.unique = False

    def twice(carry_out: object) -> object:
        carry_out()  # type: ignore[operator]
        carry_out()  # type: ignore[operator]
        raise AWAY

    house.forge.troubles = [twice]  # type: ignore[list-item]

    job = await done(house)

    assert job.pull_request_url.endswith("/1")
    told = await payload_of(house, job.job_id, "task.publish.duplicateDetected")
    assert told == {"kept": 1, "duplicates": [2]}
