"""One job, one pull request, whatever the forge answers and whoever asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from pawl.wire.errors import Unavailable
from services.orchestrator.drive import intent
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import Failure, Reason, failed
from services.orchestrator.jobs.forge import (
    AskedTooSoon,
    ForgeAway,
    PullState,
    TokenRefused,
    WantedPullRequest,
)
from services.orchestrator.jobs.job import Artifact, Job, JobId, JobOutcome, JobState
from services.orchestrator.jobs.publishing import marker
from services.orchestrator.screen.policy import Verdict
from services.orchestrator.source.keys import KeyAway
from tests.orchestrator.drive.house import House, house_at, plan
from tests.support.repositories import git
from tests.support.scripted_forge import unanswered, undone
from tests.support.stage import Script, Stage

AWAY = ForgeAway("scripted to be away")
UNSEEN = AskedTooSoon(Failure(Reason.PUBLISH_REJECTED, "head invalid", "Retry the job."))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path) as standing:
        yield standing


def writes(name: str) -> Script:
    async def script(stage: Stage) -> None:
        (stage.tree / name).write_text("new\n")

    return script


async def nothing(stage: Stage) -> None:
    stage.say("nothing to do")


async def done(house: House, script: Script | None = None, **asked: str) -> Job:
    script = script or writes("a")
    request = plan(house.origin, steps=1, mode="pr", **asked)  # type: ignore[arg-type]
    return await house.ended(await house.submit(script, request=request))


async def payload_of(house: House, job_id: JobId, event_type: str) -> dict[str, object]:
    found = [one for one in await house.events(job_id) if one.type == event_type]
    assert len(found) == 1, event_type
    return dict(found[0].payload)


def other(head: str, body: str = "", base: str = "main") -> WantedPullRequest:
    return WantedPullRequest(head_branch=head, base_branch=base, title="Other", body=body)


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


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_a_request_whose_answer_is_lost_is_found_again(house: House, late: int) -> None:
    house.forge.troubles = [unanswered]
    house.forge.unique = False
    house.forge.late_looks = late

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    told = await payload_of(house, job.job_id, "task.publish.pullRequestOpened")
    assert told["adopted"]


async def test_a_request_that_was_not_carried_out_is_made_again(house: House) -> None:
    house.forge.troubles = [undone, undone]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    assert house.forge.asked.count("open") == 3


async def test_a_forge_that_keeps_to_one_tells_of_what_look_ups_show_late(house: House) -> None:
    house.forge.troubles = [unanswered]
    house.forge.late_looks = 4

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    assert house.forge.asked.count("open") == 2
    assert (await payload_of(house, job.job_id, "task.publish.pullRequestOpened"))["adopted"]


async def test_a_failed_look_up_is_not_an_empty_one(house: House) -> None:
    house.forge.look_troubles = [AWAY, AWAY]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "look", "look", "open"]


async def test_a_look_up_that_fails_is_made_again_and_not_those_before_it(house: House) -> None:
    """On a forge that failed one request in four, jobs went on looking for minutes."""
    house.forge.troubles = [undone]
    house.forge.look_troubles = [None, None, AWAY, None, AWAY, None]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "open", *(["look"] * 5), "open"]


async def test_a_forge_that_stays_away_fails_the_job_and_a_retry_only_publishes(
    house: House,
) -> None:
    house.forge.look_troubles = [AWAY] * 500

    job = await done(house)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_UNAVAILABLE
    house.forge.look_troubles.clear()
    await house.store.retry(
        job.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()
    again = await house.ended(job.job_id)
    assert again.outcome is JobOutcome.PULL_REQUEST
    assert len(house.runner.started) == 1
    assert len(house.forge.pulls) == 1
    assert (await house.types(job.job_id)).count("task.publish.branchPushed") == 1


async def test_a_refused_token_is_renewed_once(house: House) -> None:
    house.forge.refused = {"token-1"}
    house.forge.fresh = ["token-2"]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST


async def test_a_key_that_is_away_as_the_token_is_refused_is_waited_for(house: House) -> None:
    """Trouble with getting another token once went past every wait and ended the job."""
    house.forge.renewal_troubles += [KeyAway("scripted to be away"), KeyAway("still")]
    house.forge.refused, house.forge.fresh = {"token-1"}, ["token-2"]
    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.tokens == ["token-1", "token-2"]


async def test_what_was_made_for_a_claim_is_given_back_after_prepare_and_at_its_end(
    house: House,
) -> None:
    job = await done(house)

    # A job has ended before its driver is through.
    await house.left(job.job_id)
    assert house.forge.released == [f"{job.job_id}/{job.epoch}"] * 2


async def test_without_a_better_token_the_job_waits_for_one_and_runs_no_step_again(
    house: House,
) -> None:
    house.forge.refused = {"token-1"}

    job = await done(house)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_AUTH
    assert job.published_commit == git(house.origin, "rev-parse", job.working_branch)
    house.forge.refused.clear()
    await house.store.retry(
        job.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()
    assert (await house.ended(job.job_id)).outcome is JobOutcome.PULL_REQUEST
    assert len(house.runner.started) == 1


async def test_a_token_that_may_look_and_not_open_ends_the_tries(house: House) -> None:
    """A look-up that went well made the next token a first one again, and so without end."""

    def refused(_: object) -> object:
        raise TokenRefused("not with this token")

    house.forge.troubles = [refused] * 50  # type: ignore[list-item]

    job = await done(house)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_AUTH
    assert house.forge.asked.count("open") == 4


async def test_a_token_that_the_forge_has_just_made_may_be_refused_for_a_moment(
    house: House,
) -> None:
    """GitHub's servers hear of a new token one after the other."""

    def refused(_: object) -> object:
        raise TokenRefused("not known yet")

    house.forge.troubles = [refused] * 3  # type: ignore[list-item]

    assert (await done(house)).outcome is JobOutcome.PULL_REQUEST


async def test_what_the_forge_does_not_see_yet_is_asked_for_again(house: House) -> None:
    """A branch that had just been pushed was no branch to the forge, and ended its job."""

    def unseen(_: object) -> object:
        raise UNSEEN

    house.forge.look_troubles = [UNSEEN]
    house.forge.troubles = [unseen]  # type: ignore[list-item]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "look", "open", "look", "look", "look", "open"]


async def test_what_the_forge_goes_on_refusing_is_believed(house: House) -> None:
    house.forge.look_troubles = [UNSEEN] * 50

    job = await done(house)

    assert job.failure == UNSEEN.failure
    assert house.forge.asked == ["look"] * 3


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
