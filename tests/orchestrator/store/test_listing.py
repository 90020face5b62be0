"""Lists take the jobs that every filter takes, on pages that put together are the whole list."""

import asyncio
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import Job, JobId, JobOutcome, JobState
from services.orchestrator.jobs.plan import PublishMode
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.jobs.store import Store
from services.orchestrator.store import jobs, listing
from services.orchestrator.store.engine import reading_engine
from services.orchestrator.store.store import opened
from tests.orchestrator.store.claiming import Rig, ended
from tests.support.jobs import fact, some_job, some_plan

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
OBJECTIVES = (
    "Fix the Billing queue",
    f"Straße 50% a_b A/B {DECOMPOSED}",
    "rename\nthe second line",
    "aXb 500 back\\slash",
    "x" * 395 + " beyond",
)
WORDS = (
    *("fix", "BILLING", "ling", "queue", "strasse", "50%", "a_b", "a/b", COMPOSED, "second"),
    *("back\\", "%", "_", "beyon", "beyond", "part", "owner/", "TASK/", "exit", "agent_exit"),
    *("nowhere", "\u0130", "'", '"', "x"),
)
LABELS: tuple[dict[str, str], ...] = (
    {},
    {"team": "core"},
    {"team": "Core", "x": ""},
    {"team": "a=b"},
)


@dataclass(frozen=True)
class Known:
    """A job with what was asked for, as the plain model has it."""

    new: NewJob
    state: JobState
    branch: str = ""
    reason: str = ""

    def taken_by(self, matching: JobFilter) -> bool:
        plan, task = self.new.plan, self.new.plan.task["task"]
        key, equals, value = matching.label.partition("=")
        skills = {task["skill"]["id"], *(step.skill.id for step in plan.steps)}
        return all(
            (
                not matching.states or self.state in matching.states,
                matching.runtime in {"", plan.runtime},
                matching.repository in {"", plan.repository},
                matching.publish_mode in {"", task["publish"]["mode"]},
                not matching.skill or matching.skill in skills,
                not matching.label
                or (key in self.new.labels and (not equals or self.new.labels[key] == value)),
                all(self.has(word) for word in matching.text.split()),
            )
        )

    def has(self, word: str) -> bool:
        titles = " ".join(step.title for step in self.new.plan.steps)
        texts = (self.new.job_id, self.new.plan.repository, self.branch, self.reason)
        begun = (self.new.plan.instructions[:400], titles[:600])
        return any(alike(word) in alike(text) for text in (*texts, *begun))


def alike(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


async def made(store: Store) -> list[Known]:
    """Jobs of many kinds, in order of submission."""
    rig = Rig(store)
    known: list[Known] = []
    for number in range(40):
        plan = some_plan(
            steps=1 + number % 3,
            publish=("none", "branch", "pr")[number % 3],
            repository=f"owner/{'ab'[number % 2]}",
            runtime=("codex", "claude")[number // 2 % 2],
            instructions=OBJECTIVES[number % 5],
            titles=[("Look around", "50 % of it")[number // 3 % 2]],
            skill=("auto", "speckit", "a.b_c")[number // 4 % 3],
            step_skills=("auto", "axb_c")[: number % 4 == 3],
        )
        new = some_job(plan, labels=LABELS[number % 4])
        job = await rig.submit(new)
        known.append(await lived(rig, job, Known(new, JobState.QUEUED), number % 7))
    return known


async def lived(rig: Rig, job: Job, known: Known, how: int) -> Known:
    if how < 2:
        return known
    if how == 2:
        await rig.store.request_cancel(job.job_id, by="me", reason="")
        return replace(known, state=JobState.CANCELLED)
    claim = await rig.claim(job)
    known = replace(known, state=JobState.RUNNING, branch=f"Task/{job.job_id[-8:]}")
    await rig.store.pin(
        claim, fact(), default_branch="main", base_commit="b" * 40, working_branch=known.branch
    )
    if how < 5:
        return known
    failure = Failure(Reason.AGENT_EXIT, "It ended.", "Look.", 0)
    await rig.store.end(
        claim,
        ended("failed"),
        state=JobState.FAILED,
        outcome=JobOutcome.FAILED,
        failure=failure,
    )
    if how == 5:
        return replace(known, state=JobState.FAILED, reason="AGENT_EXIT")
    await rig.store.retry(job.job_id, by="me", from_step=None, ended_attempt=0, settle=timedelta(0))
    return replace(known, state=JobState.QUEUED)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sa.Engine, list[Known]]]:
    file: Path = tmp_path_factory.mktemp("listing") / "jobs.db"

    async def fill() -> list[Known]:
        async with opened(f"sqlite:///{file}") as store:
            return await made(store)

    known = asyncio.run(fill())
    engine = reading_engine(file, connections=1)
    yield engine, known
    engine.dispose()


filters = st.builds(
    JobFilter,
    states=st.lists(st.sampled_from(JobState), max_size=3).map(tuple),
    runtime=st.sampled_from(["", "", "codex", "claude", "gemini"]),
    repository=st.sampled_from(["", "", "owner/a", "owner/b", "owner"]),
    label=st.sampled_from(["", "", "team", "team=core", "team=", "x", "x=", "team=a=b", "y"]),
    skill=st.sampled_from(["", "", "auto", "speckit", "a.b_c", "axb_c", "spec", "none"]),
    publish_mode=st.sampled_from(["", "", *PublishMode]),
    text=st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
)


@pytest.mark.timeout(60)
@settings(max_examples=300, deadline=None)
@given(matching=filters, size=st.integers(1, 50), few=st.sampled_from([listing.FEW, 3]))
def test_pages_of_any_filters_hold_what_a_plain_look_at_each_job_finds(
    filled: tuple[sa.Engine, list[Known]], matching: JobFilter, size: int, few: int
) -> None:
    engine, known = filled
    wanted = [one.new.job_id for one in reversed(known) if one.taken_by(matching)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "FEW", few)
        assert listed(engine, matching, size) == wanted


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_found_where_a_plain_look_finds_it(
    filled: tuple[sa.Engine, list[Known]], word: str
) -> None:
    engine, known = filled
    wanted = [one.new.job_id for one in reversed(known) if one.has(word)]

    assert listed(engine, JobFilter(text=word), 50) == wanted


def test_a_job_is_found_by_the_end_of_its_id(filled: tuple[sa.Engine, list[Known]]) -> None:
    engine, known = filled

    found = listed(engine, JobFilter(text=known[7].new.job_id[-8:].upper()), 50)

    assert found == [known[7].new.job_id]


async def test_lists_say_what_a_job_is_about(store: Store) -> None:
    long = "word " * 40
    for instructions in ("Fix it.\nThen more.", long):
        await store.submit(some_job(some_plan(instructions=instructions, publish="none")))

    (cut, whole), _ = await store.jobs(JobFilter(), size=2, after="")

    assert (whole.objective, whole.publish_mode) == ("Fix it.", PublishMode.NONE)
    assert len(cut.objective) <= 120
    assert cut.objective == long[:119].rstrip() + "…"


def listed(engine: sa.Engine, matching: JobFilter, size: int) -> Sequence[JobId]:
    """Every page, put together."""
    found: list[JobId] = []
    after = ""
    with engine.begin() as connection:
        while True:
            page, after = jobs.page(connection, matching, size=size, after=after)
            assert len(page) <= size
            found += [job.job_id for job in page]
            if not after:
                return found
