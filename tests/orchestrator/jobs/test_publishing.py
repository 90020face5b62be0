"""Which pull requests are a job's: the one it keeps, and others that say they are its own."""

from dataclasses import replace

import pytest

from services.orchestrator.jobs.forge import PullRequest, PullState, WantedPullRequest
from services.orchestrator.jobs.publishing import Publication, compare

PUBLICATION = Publication(
    branch="task/1",
    expected="",
    base_commit="b" * 40,
    tree="d" * 40,
    commit="c" * 40,
    message="M",
    pull_request=WantedPullRequest(head_branch="task/1", base_branch="main", title="T", body="B"),
)


def one(number: int, **changed: object) -> PullRequest:
    made = PullRequest(
        number=number,
        url=f"https://f/{number}",
        state=PullState.OPEN,
        draft=False,
        head_branch="task/1",
        head_commit="c" * 40,
        base_branch="main",
        foreign=False,
        marked=True,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def kept_and_others(
    *found: PullRequest, recorded: int | None = None
) -> tuple[int | None, tuple[int, ...]]:
    choice = compare(found, replace(PUBLICATION, pull_number=recorded))
    return choice.ours.number if choice.ours else None, choice.duplicates


def test_the_recorded_one_is_kept_and_the_others_repeat_it() -> None:
    assert kept_and_others(one(9), one(7), one(8), recorded=7) == (7, (8, 9))


def test_the_recorded_one_is_kept_although_a_lower_one_shows_late() -> None:
    """The job has told its address: to call another one its own would make that a lie."""
    assert kept_and_others(one(7), one(8), recorded=8) == (8, (7,))


def test_where_none_is_recorded_the_lowest_is_kept() -> None:
    assert kept_and_others(one(9), one(8)) == (8, (9,))


def test_a_marked_one_repeats_a_recorded_one_of_somebody_else() -> None:
    assert kept_and_others(one(4, marked=False), one(8), recorded=4) == (4, (8,))


def test_a_recorded_one_that_is_not_shown_is_kept_all_the_same() -> None:
    assert kept_and_others(one(8), recorded=7) == (None, (8,))


@pytest.mark.parametrize(
    "changed",
    [{"foreign": True}, {"head_branch": "other"}, {"marked": False}],
    ids=["from a fork", "of another branch", "without the marker"],
)
def test_one_that_is_not_the_jobs_repeats_nothing(changed: dict[str, object]) -> None:
    assert kept_and_others(one(7), one(8, **changed), recorded=7) == (7, ())


@pytest.mark.parametrize("state", list(PullState))
def test_one_that_repeats_is_found_whatever_people_did_with_it(state: PullState) -> None:
    assert kept_and_others(one(7), one(8, state=state), recorded=7) == (7, (8,))


def test_a_job_that_asked_for_none_has_none() -> None:
    assert compare([one(7), one(8)], replace(PUBLICATION, pull_request=None)).duplicates == ()
