"""Jobs as they are submitted, read back, listed."""

import asyncio

import pytest

from pawl.wire.errors import AlreadyExists, InvalidArgument
from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.jobs.store import Store
from tests.orchestrator.store.claiming import Rig
from tests.support.jobs import fact, some_id, some_job, some_plan

EVERYTHING = JobFilter()


async def test_a_submitted_job_reads_back_as_it_was_given(store: Store) -> None:
    new = some_job(labels={"team": "core"}, priority=7, request_id="r")

    job, replayed = await store.submit(new)

    assert not replayed
    assert job == await store.job(new.job_id)
    assert job.plan == new.plan
    assert (job.state, job.priority, job.attempt, job.labels) == (
        JobState.QUEUED,
        7,
        1,
        {"team": "core"},
    )
    assert [step.id for step in job.steps] == ["step-1", "step-2"]


async def test_submitting_writes_the_first_event(rig: Rig) -> None:
    job = await rig.submit()

    assert await rig.types(job) == ["job.submitted"]


async def test_a_job_that_is_not_there_is_none(store: Store) -> None:
    assert await store.job("nothing") is None


async def test_one_request_id_is_one_job(store: Store) -> None:
    first, _ = await store.submit(some_job(request_id="r"))

    second, replayed = await store.submit(some_job(request_id="r"))

    assert replayed
    assert second == first


async def test_a_request_id_for_something_else_is_refused(store: Store) -> None:
    await store.submit(some_job(request_id="r"))

    with pytest.raises(AlreadyExists) as refused:
        await store.submit(some_job(request_id="r", submit_digest="other"))

    assert refused.value.reason == "REQUEST_ID_REUSED"
    jobs, _ = await store.jobs(EVERYTHING, size=10, after="")
    assert len(jobs) == 1


async def test_callers_do_not_share_request_ids(store: Store) -> None:
    await store.submit(some_job(request_id="r"))

    _, replayed = await store.submit(some_job(request_id="r", principal="other"))

    assert not replayed


async def test_no_request_id_is_never_the_same(store: Store) -> None:
    await store.submit(some_job())

    _, replayed = await store.submit(some_job())

    assert not replayed
    assert await store.submitted("local", "") is None


async def test_racing_submits_of_one_request_id_make_one_job(store: Store) -> None:
    async with asyncio.TaskGroup() as tasks:
        racing = [tasks.create_task(store.submit(some_job(request_id="r"))) for _ in range(8)]

    answers = [one.result() for one in racing]
    assert len({job.job_id for job, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7


async def test_a_job_id_that_is_taken_is_a_defect_and_not_a_replay(store: Store) -> None:
    new = some_job()
    await store.submit(new)

    with pytest.raises(Exception, match="UNIQUE"):
        await store.submit(new)


async def test_pages_list_newest_first_without_repeating_or_skipping(store: Store) -> None:
    made = [await submitted(store, some_job()) for _ in range(5)]
    seen: list[JobId] = []
    page, token = await store.jobs(EVERYTHING, size=2, after="")
    seen += [job.job_id for job in page]

    await store.submit(some_job())  # as others do while one turns pages
    while token:
        page, token = await store.jobs(EVERYTHING, size=2, after=token)
        seen += [job.job_id for job in page]

    assert seen == made[::-1]
    assert all(job.plan is None for job in page)


async def test_a_page_token_nobody_gave_is_refused(store: Store) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await store.jobs(EVERYTHING, size=2, after="²")

    assert [one.field for one in refused.value.violations] == ["page_token"]


async def test_filters_are_joined_by_and(store: Store, rig: Rig) -> None:
    claude = some_plan(runtime="claude", repository="other/one")
    wanted = await submitted(store, some_job(claude, labels={"team": "core", "x": "1"}))
    await store.submit(some_job(labels={"team": "edge"}))
    claimed = await rig.submit(some_job(claude, labels={"team": "core"}))
    await rig.claim(claimed)

    async def found(**fields: object) -> list[JobId]:
        page, _ = await store.jobs(JobFilter(**fields), size=10, after="")  # type: ignore[arg-type]
        return [job.job_id for job in page]

    assert await found(runtime="claude", states=(JobState.QUEUED,)) == [wanted]
    assert await found(label="team=core", repository="other/one", states=(JobState.QUEUED,)) == [
        wanted
    ]
    assert await found(label="x") == [wanted]
    assert await found(label="team=none") == []
    assert len(await found(label="team")) == 3


async def test_text_that_breaks_databases_is_made_visible(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.note(claim, fact(text="a\0b\ud800c", nested=["\0"]))

    payload = (await store.events(claim.job_id, after=2, limit=1))[0].payload
    assert payload == {"text": "a␀b�c", "nested": ["␀"]}


async def test_a_payload_that_is_no_fact_is_refused_whole(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    with pytest.raises(ValueError, match="bytes"):
        await store.note(claim, fact(), fact(text="x" * 40_000))

    assert await rig.types(claim) == ["job.submitted", "job.claimed"]


async def submitted(store: Store, new: NewJob) -> JobId:
    """The id of a job that was just submitted."""
    job, _ = await store.submit(new)
    return job.job_id


async def test_events_are_read_in_pages(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.note(claim, *(fact(number=number) for number in range(5)))

    page = await store.events(claim.job_id, after=3, limit=2)

    assert [event.sequence for event in page] == [4, 5]
    assert await store.events(some_id(), after=0, limit=2) == []
