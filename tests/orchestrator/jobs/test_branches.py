"""Branches follow from the task, the default branch, the job's id and time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.orchestrator.jobs.branches import Branches, generated, resolve

JOB = "01980000-0000-7000-8000-0123deadbeef"
TIME = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)


def branches(starting: str | None = None, new: str | None = None) -> Branches:
    return resolve(default="main", starting=starting, new=new, job_id=JOB, create_time=TIME)


def test_a_task_that_names_none_works_on_a_branch_of_its_own() -> None:
    assert branches() == Branches(default="main", starting="main", working="task/20260304/deadbeef")


def test_the_new_branch_is_worked_on() -> None:
    assert branches(starting="side", new="fix").working == "fix"


def test_a_starting_branch_that_is_not_the_default_one_is_continued() -> None:
    found = branches(starting="side")

    assert found.working == "side"
    assert found.continues


def test_the_default_branch_as_starting_branch_is_not_worked_on() -> None:
    assert branches(starting="main").working == "task/20260304/deadbeef"


def test_the_day_is_utcs() -> None:
    tokyo = TIME.astimezone(timezone(timedelta(hours=9)))

    assert generated(JOB, tokyo) == "task/20260304/deadbeef"


def test_a_time_without_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="time zone"):
        generated(JOB, TIME.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("starting", "new", "wished", "base"),
    [
        (None, None, None, "main"),
        ("side", None, None, "main"),
        ("side", "fix", None, "side"),
        ("side", "fix", "release", "release"),
        (None, "main", None, None),
        (None, "fix", "fix", None),
    ],
)
def test_a_pull_request_goes_where_the_work_came_from(
    starting: str | None, new: str | None, wished: str | None, base: str | None
) -> None:
    assert branches(starting, new).pull_request_base(wished) == base
