"""What Pawl writes about a job tells its readers much, and does nothing to them."""

import re
import unicodedata
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.orchestrator.jobs.job import Usage
from services.orchestrator.jobs.publishing import trailer
from services.orchestrator.jobs.report import FileChange
from services.orchestrator.jobs.wording import body, commit_message, title
from services.orchestrator.source.commit import with_trailer
from tests.orchestrator.jobs.hostile_texts import HOSTILE
from tests.orchestrator.jobs.reading import Read, read
from tests.orchestrator.jobs.reports import DIGEST, JOB, report, said_everywhere, step

MARKER_LINE = f"<sub>Pawl-Job: {JOB} {DIGEST}</sub>"
# What acts in running text; the patterns are GitHub's own, not those the wording looks for.
MENTION = re.compile(r"(?<![\w`/])@[a-z0-9](?:[a-z0-9-]{0,38})(?:/[a-z0-9._-]+)?", re.IGNORECASE)
REFERENCE = re.compile(r"(?:[\w.-]+/[\w.-]+)?#\d+|\bGH-\d+", re.IGNORECASE)
ADDRESS = re.compile(r"/(?:issues|pull|discussions)/\d|/commit/[0-9a-f]{7}", re.IGNORECASE)
SKIP = re.compile(r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]", re.IGNORECASE)
TRAILER = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)+\s*:", re.IGNORECASE | re.MULTILINE)
COMMIT = re.compile(r"\b[0-9a-f]{7,40}\b")
EMOJI = re.compile(r":[a-z0-9_+-]+:", re.IGNORECASE)

pieces = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet="`|\\<>[]()!#@*_~&:$-=.\n\r\t 1aw/", max_size=40),
    st.text(max_size=30),
)
hostile = (
    st.tuples(st.lists(pieces, min_size=1, max_size=6), st.sampled_from(["", " ", "\n", "\n\n"]))
    .map(lambda made: made[1].join(made[0]))
    .filter(str.strip)
)
thorough = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def calmly() -> Read:
    """How a body reads in which nobody says anything bad."""
    return read(body(said_everywhere("calm")))


def check_body(text: str) -> None:
    written = body(said_everywhere(text))
    met, calm = read(written), calmly()

    same = {tag: met.tags[tag] for tag in calm.tags if tag not in {"code", "pre", "em", "p"}}
    assert same == {tag: calm.tags[tag] for tag in same}
    assert set(met.tags) <= {*calm.tags, "em", "pre", "code"}
    for pattern in (MENTION, REFERENCE, ADDRESS, EMOJI):
        assert not pattern.search(met.prose), pattern
    assert "$" not in met.prose
    for pattern in (MENTION, REFERENCE, ADDRESS, SKIP, TRAILER):
        assert not pattern.search(written), pattern  # a squash makes a commit message of it
    assert [line for line in written.splitlines() if "pawl-job" in line.lower()] == [MARKER_LINE]
    assert written.endswith(f"\n\n{MARKER_LINE}\n")
    check_seen(written)
    assert len(written) <= 60_000


def check_seen(written: str) -> None:
    unseen = {
        c for c in written if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c not in "\n\t"
    }
    assert unseen <= {"\u2060"}
    written.encode()


def check_commit(text: str) -> None:
    told = replace(said_everywhere(text), objective=text)
    message, subject = commit_message(told), title(told)

    for written in (message, subject):
        for pattern in (MENTION, REFERENCE, ADDRESS, SKIP, TRAILER):
            assert not pattern.search(written), pattern
        check_seen(written)
    assert 0 < len(message.split("\n")[0]) <= 72
    assert 0 < len(subject) <= 200
    assert "\n" not in subject
    trailers = [
        each
        for each in with_trailer(message, trailer(JOB, DIGEST)).split("\n")
        if TRAILER.match(each)
    ]
    assert trailers == [f"Pawl-Job: {JOB} {DIGEST}"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_known_trick_acts(text: str) -> None:
    check_body(text)
    check_commit(text)


@pytest.mark.timeout(120)
@thorough
@given(hostile)
def test_no_text_changes_the_body_it_stands_in(text: str) -> None:
    check_body(text)


@pytest.mark.timeout(120)
@thorough
@given(hostile)
def test_no_text_acts_in_a_commit_message(text: str) -> None:
    check_commit(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["`", "\u202e", "\\|", "@", "#1 ", "```\n", "<", "x", "\n"])
def test_floods_stay_within_what_a_forge_takes(text: str) -> None:
    flood = text * 70_000
    spoken = {"title": flood, "skill": flood, "summary": flood, "version": flood}
    told = replace(
        said_everywhere(flood),
        steps=[step(index, **spoken) for index in range(80)],
        changes=[FileChange(path=flood[:4_096], added=10**9, removed=10**9)] * 100,
        changed_files=10**6,
        cautions=[flood] * 60,
    )

    written = body(told)

    assert len(written) <= 60_000
    assert written.endswith(f"\n{MARKER_LINE}\n")
    met = read(written)
    assert (met.tags["table"], met.tags["details"], met.tags["h3"]) in {(3, 50, 5), (3, 0, 4)}
    assert len(commit_message(told)) <= 8_000


def test_what_is_cut_says_so() -> None:
    written = body(report(steps=[step(0, summary="word " * 20_000)], changed_files=1_234))

    assert "*Cut: the first 8,000 of 100,000 characters.*" not in written  # with its frame
    assert re.search(r"\*Cut: the first \d,\d{3} of 100,000 characters\.\*", written)
    assert "1,232 more are not listed." in written


def test_the_unknown_is_a_dash_and_zero_is_zero() -> None:
    nothing, unknown = Usage(input_tokens=0, output_tokens=0, cost_usd=0.0), Usage()
    steps = [
        step(0, usage=None, duration=None),
        step(1, usage=unknown),
        step(2, usage=nothing, attempt=3, duration=timedelta(hours=1, minutes=2)),
    ]

    rows = [row for row in body(report(steps=steps)).splitlines() if "succeeded" in row]

    assert [row.split("`auto` | ")[1].replace("\xa0", " ") for row in rows] == [
        "succeeded |  | - | - | - | - |",
        "succeeded |  | 2 min 5 s | - | - | - |",
        "succeeded | 3 | 1 h 2 min | 0 | 0 | 0.00 |",
    ]


def test_a_body_tells_everything_a_reviewer_needs() -> None:
    written = body(report())

    order = [
        "[!WARNING]",
        "Add rate limits to the gateway",
        "### Steps",
        "### What changed: 2 files",
        "| `gateway/limits.py` | +120 | −3 |",
        "| `docs/limits.png` | binary | |",
        "### What the agent said last",
        "<summary>Step 3</summary>",
        "### How to reproduce it",
        f"`pawl show {JOB}`",
        MARKER_LINE,
    ]
    places = [written.index(each) for each in order]
    assert places == sorted(places)


def test_the_texts_of_the_task_win_and_keep_what_they_mean() -> None:
    told = report(
        commit_message="fix: limits\n\nCloses #7, thanks @ada\u202e\x07\r\n",
        title="Limits, closes #7 \u202e",
        body="Closes #7\n\ncc @ada 👩\u200d🚀\u2066\x00",
    )

    assert commit_message(told) == "fix: limits\n\nCloses #7, thanks @ada"
    assert title(told) == "Limits, closes #7"
    assert body(told) == f"Closes #7\n\ncc @ada 👩\u200d🚀\n\n{MARKER_LINE}\n"


def test_a_text_of_the_task_cannot_pass_for_another_job() -> None:
    other = "Pawl-Job: 01980000-0000-7000-8000-000000000001"
    told = report(commit_message=other, title=other, body=f"{other}\n\npawl-job: x")

    for written in (commit_message(told), title(told), body(told).removesuffix(f"{MARKER_LINE}\n")):
        assert "pawl-job" not in written.lower()


def test_a_long_text_of_the_task_is_cut_between_lines() -> None:
    written = body(report(body="a line of twenty-two\n" * 3_000))

    assert len(written) <= 60_000
    assert "a line of twenty-two\n\n*The rest of this text did not fit.*" in written
    assert written.endswith(f"\n\n{MARKER_LINE}\n")


def test_a_cut_subject_is_told_whole_below() -> None:
    message = commit_message(report(objective="Add limits " * 12, steps=[step(0)]))

    subject, gap, *rest = message.split("\n")
    assert len(subject) <= 72
    assert subject.endswith("…")
    assert gap == ""
    assert " ".join(" ".join(rest).split()) == ("Add limits " * 12).strip()


def test_nothing_said_still_has_a_subject() -> None:
    told = report(objective=" \n ", steps=[step(0, title="")])

    assert (commit_message(told), title(told)) == ("Apply the task", "Apply the task")
