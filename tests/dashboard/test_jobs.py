"""The list of jobs: what its form asks for, what its rows and links say."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import InvalidArgument, Unavailable, Violation
from services.dashboard.jobs import Jobs
from tests.dashboard.hostile import PAYLOADS
from tests.dashboard.serving import asking
from tests.pawl.cli.scripted_contract import ScriptedContract
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator, job

FILTERS = {
    "text": "two words & more",
    "state": "DEAD_LETTER",
    "runtime": "claude",
    "publish": "pr",
    "repository": "owner/repo",
    "skill": "speckit",
    "label": "team=a=b",
}


def some(state: str, **fields: Any) -> job_pb2.Job:
    """A job as lists have it."""
    made = job(state, **fields)
    made.create_time.GetCurrentTime()
    return made


@pytest.fixture
def orchestrator() -> ScriptedOrchestrator:
    listed = some("RUNNING", objective="Fix the queue.", repository="owner/repo", publish_mode="pr")
    return ScriptedOrchestrator(answers={"ListJobs": pb.ListJobsResponse(jobs=[listed])})


@asynccontextmanager
async def browsing(orchestrator: ScriptedOrchestrator) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(
        lambda jobs, _: Jobs(jobs).routes(), orchestrator, ScriptedContract()
    ) as browser:
        yield browser


async def text_of(orchestrator: ScriptedOrchestrator, **query: str) -> str:
    async with browsing(orchestrator) as browser:
        answer = await browser.get(f"/tasks/queue?{urlencode(query)}")
    assert answer.status_code == 200
    return answer.text


async def test_every_filter_is_asked_for(orchestrator: ScriptedOrchestrator) -> None:
    await text_of(orchestrator, **FILTERS, after="7")

    (asked,) = orchestrator.asked
    assert asked == pb.ListJobsRequest(
        page_size=50,
        page_token="7",
        states=[job_pb2.JOB_STATE_DEAD_LETTER],
        runtime="claude",
        repository="owner/repo",
        skill="speckit",
        publish_mode="pr",
        label="team=a=b",
        text="two words & more",
    )


async def test_the_form_shows_what_was_asked_for(orchestrator: ScriptedOrchestrator) -> None:
    page = await text_of(orchestrator, **FILTERS)

    for name in ("text", "repository", "skill", "label"):
        (value,) = re.findall(f'<input[^>]* name="{name}" value="([^"]*)"', page)
        assert unescape(value) == FILTERS[name]
    assert re.findall(r'<option value="([^"]+)" selected>', page) == ["DEAD_LETTER", "pr"]
    assert "<option selected>claude</option>" in page
    assert '<a href="/tasks/queue">All jobs</a>' in page


async def test_links_to_other_pages_keep_the_filters(orchestrator: ScriptedOrchestrator) -> None:
    listed = pb.ListJobsResponse(jobs=[some("QUEUED")], next_page_token="41")
    orchestrator.answers["ListJobs"] = listed

    page = await text_of(orchestrator, **FILTERS, after="99")

    newest, older = (unescape(one) for one in re.findall(r'href="(/tasks/queue\?[^"]*)"', page))
    assert parse_qs(urlsplit(newest).query) == {name: [one] for name, one in FILTERS.items()}
    assert parse_qs(urlsplit(older).query)["after"] == ["41"]
    assert parse_qs(urlsplit(older).query)["text"] == [FILTERS["text"]]


async def test_the_first_of_all_pages_has_neither_link(orchestrator: ScriptedOrchestrator) -> None:
    page = await text_of(orchestrator)

    assert "Newest jobs" not in page
    assert "Older jobs" not in page
    assert "All jobs" not in page


async def test_what_there_is_no_choice_of_is_not_asked_for(
    orchestrator: ScriptedOrchestrator,
) -> None:
    await text_of(orchestrator, state="ASLEEP", publish="loudly", skill="  ")

    assert orchestrator.asked == [pb.ListJobsRequest(page_size=50)]


async def test_a_row_leads_with_what_the_job_is_about(orchestrator: ScriptedOrchestrator) -> None:
    page = await text_of(orchestrator)

    link = f'<a href="/tasks/queue/{JOB_ID}">Fix the queue.</a>'
    assert f'{link} <code class="raw">{JOB_ID[-8:]}</code></th>' in page
    assert '<span class="state busy">Running</span> <span class="raw">RUNNING</span>' in page
    assert "<td>pull request</td>" in page


async def test_a_job_of_an_older_orchestrator_still_has_a_link(
    orchestrator: ScriptedOrchestrator,
) -> None:
    orchestrator.answers["ListJobs"] = pb.ListJobsResponse(jobs=[some("QUEUED")])

    assert f">Job {JOB_ID[-8:]}</a>" in await text_of(orchestrator)


async def test_no_objective_acts_or_hides(orchestrator: ScriptedOrchestrator) -> None:
    listed = [some("QUEUED", objective=text, repository=text) for text in PAYLOADS]
    orchestrator.answers["ListJobs"] = pb.ListJobsResponse(jobs=listed)

    page = await text_of(orchestrator, text=PAYLOADS[0], label=PAYLOADS[-1])

    tags = set(re.findall(r"<([a-zA-Z!/][^\s>]*)", page.partition("<main")[2]))
    assert not tags & {"script", "img", "svg", "iframe", "style", "base", "object", "meta"}
    assert not set("\x1b\u202e") & set(page)
    assert "⟦U+202E⟧" in page


async def test_a_filter_that_is_refused_is_named(orchestrator: ScriptedOrchestrator) -> None:
    refused = InvalidArgument([Violation("skill", "BAD_TEXT", "use at most 64 of a-z")])
    orchestrator.answers["ListJobs"] = refused

    page = await text_of(orchestrator, skill="No Skill")

    assert 'role="alert">Skill: use at most 64 of a-z. ' in page
    assert "REQUEST_INVALID" in page
    assert 'value="No Skill"' in page


async def test_what_cannot_be_read_is_told_in_its_place(orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["ListJobs"] = Unavailable("DATABASE_AWAY", "the database is away")

    page = await text_of(orchestrator)

    assert "The jobs cannot be read: the database is away" in page


async def test_a_runtime_that_is_not_known_here_is_seen_to_narrow_the_list(
    orchestrator: ScriptedOrchestrator,
) -> None:
    assert "<option selected>other</option>" in await text_of(orchestrator, runtime="other")


@pytest.mark.parametrize(
    ("query", "said"), [({}, "There are no jobs yet."), ({"label": "x"}, "No job is like that.")]
)
async def test_an_empty_list_says_why(
    orchestrator: ScriptedOrchestrator, query: dict[str, str], said: str
) -> None:
    orchestrator.answers["ListJobs"] = pb.ListJobsResponse()

    assert said in await text_of(orchestrator, **query)


async def test_the_rows_alone_are_no_page(orchestrator: ScriptedOrchestrator) -> None:
    async with browsing(orchestrator) as browser:
        answer = await browser.get("/tasks/queue", headers={"X-Pawl-Piece": "1"})

    assert answer.text.lstrip().startswith("<table")
