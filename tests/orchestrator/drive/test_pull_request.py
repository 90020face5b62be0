"""How the result of a job becomes its pull request, and when it does not."""

import asyncio
from collections.abc import Sequence

import pytest

from pawl.wire.errors import Unavailable
from services.orchestrator.drive import intent
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import Artifact, JobId, JobOutcome, JobState
from services.orchestrator.jobs.publishing import marker
from services.orchestrator.screen.policy import Verdict
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.pulls import done, payload_of
from tests.orchestrator.drive.scripts import nothing, writes


async def test_a_result_becomes_a_branch_and_a_pull_request(house: House) -> None:
    job = await done(house)

    assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.PULL_REQUEST)
    [pull] = house.forge.pulls
    assert job.pull_request_url == pull.url
    assert pull.head_commit == job.published_commit
    assert (pull.head_branch, pull.base_branch) == (job.working_branch, "main")
    *text, last = house.forge.bodies[1].splitlines()
    assert last.startswith(f"<sub>{marker(job.job_id)} ")
    assert "| `a` | +1 | −0 |" in text
    assert any(line.startswith("| 1 | `step-1` | `auto` | succeeded |") for line in text)
    told = await payload_of(house, job.job_id, "task.publish.pullRequestOpened")
    assert (told["number"], told["adopted"], told["state"]) == (1, False, "open")
    assert '"number": 1' in await house.text(job.job_id, "publish_result.json")
    assert house.forge.asked == ["look", "open"]


@pytest.mark.parametrize(
    "trouble",
    [
        failed(Reason.STORAGE_FULL, "no room is left", "Free some."),
        Unavailable("ARTIFACTS_AWAY", "the bucket does not answer"),
    ],
    ids=["full", "away"],
)
async def test_what_is_published_counts_though_its_artifact_cannot_be_kept(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """A disk that was full by then made a failure of a job whose pull request was open."""
    keep = house.artifacts.put_bytes

    async def full(job_id: JobId, path: str, data: bytes) -> Artifact:
        if path == "publish_result.json":
            raise trouble
        return await keep(job_id, path, data)

    monkeypatch.setattr(house.artifacts, "put_bytes", full)

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert job.pull_request_url == house.forge.pulls[0].url


async def test_what_the_forge_runs_by_itself_becomes_a_draft(house: House) -> None:
    job = await done(house, writes(".gitlab-ci.yml"))

    [pull] = house.forge.pulls
    assert pull.draft
    intended = await payload_of(house, job.job_id, "task.publish.intentRecorded")
    because = ["It changes what the forge runs by itself: '.gitlab-ci.yml'."]
    assert intended["draftBecause"] == because


async def test_a_result_that_is_still_searched_can_be_cancelled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel was heard only when the search for secrets was through, minutes later."""
    searching = asyncio.Event()

    async def endless(*_: object, **__: object) -> Verdict:
        searching.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(intent, "screen", endless)
    request = plan(house.origin, steps=1, mode="pr")
    job_id = await house.submit(writes("a"), request=request)
    await searching.wait()

    await house.store.request_cancel(job_id, by="ada", reason="enough")
    house.claimer.cancel(job_id)

    assert (await house.ended(job_id)).state is JobState.CANCELLED
    assert house.branches() == ["main"]


async def test_a_job_whose_time_is_up_as_it_publishes_is_published(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = intent._known

    async def late(work: Work) -> Sequence[str]:
        house.claimer._drivers[work.claim.job_id]._out_of_time(work)
        return await prepared(work)

    monkeypatch.setattr(intent, "_known", late)

    assert (await done(house)).outcome is JobOutcome.PULL_REQUEST


async def test_no_change_asks_the_forge_for_nothing(house: House) -> None:
    job = await done(house, nothing)

    assert job.outcome is JobOutcome.NO_CHANGES
    assert house.forge.asked == []


async def test_a_pull_request_into_its_own_branch_is_refused_before_any_agent_runs(
    house: House,
) -> None:
    job = await done(house, branch="x", into="x")

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_REJECTED
    assert house.runner.started == []


async def test_a_base_that_is_not_there_is_told_before_any_agent_runs(house: House) -> None:
    job = await done(house, into="mian")

    assert job.failure is not None
    assert job.failure.reason is Reason.BRANCH_NOT_FOUND
    assert house.runner.started == []


async def test_a_secret_that_making_inert_would_part_is_found_before_that(house: House) -> None:
    """A sign that was put behind its @ hid a value from the search, and from nobody else."""
    house.forge.tokens = ["p@ss-w0rd-of-ours"]
    request = plan(house.origin, steps=1, mode="pr")
    request.task["task"]["instructions"] = "Log in with p@ss-w0rd-of-ours."

    job = await house.ended(await house.submit(writes("a"), request=request))

    assert job.failure is not None
    assert job.failure.reason is Reason.SECRET_DETECTED
    assert house.branches() == ["main"]
