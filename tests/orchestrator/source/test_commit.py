"""Commits depend on their input alone."""

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from services.orchestrator.jobs.identity import Identity
from services.orchestrator.source.commit import (
    checkpoint_ref,
    make_commit,
    snapshot_ref,
    with_trailer,
)
from services.orchestrator.source.mirror import Mirror
from tests.orchestrator.source.repositories import JOB, TIME, Upstream, git, mirror_of


async def test_the_same_input_gives_the_same_commit_in_another_mirror(
    mirror: Mirror, origin: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await mirror_of(origin, tmp_path / "elsewhere")
    base = origin.head()
    tree = await mirror.tree_of(base)
    elsewhen = TIME.astimezone(timezone(timedelta(hours=9))) + timedelta(microseconds=5)

    first = await make_commit(
        mirror, tree=tree, base=base, message="Change it", trailer=f"Pawl-Job: {JOB}", time=TIME
    )
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    monkeypatch.setitem(os.environ, "GIT_AUTHOR_NAME", "Somebody else")
    second = await make_commit(
        other, tree=tree, base=base, message="Change it", trailer=f"Pawl-Job: {JOB}", time=elsewhen
    )

    assert first == second == "92719d4f73201455b897149dd990bb021cc68949"


async def test_a_commit_says_who_when_why_and_for_which_job(
    mirror: Mirror, origin: Upstream
) -> None:
    base = origin.head()
    tree = await mirror.tree_of(base)

    commit = await make_commit(
        mirror,
        tree=tree,
        base=base,
        message="Fix\n\nBecause.",
        trailer=f"Pawl-Job: {JOB}",
        time=TIME,
    )

    seconds = int(TIME.timestamp())
    who = f"Pawl <pawl@users.noreply.invalid> {seconds} +0000"
    assert git(mirror.git_dir, "cat-file", "commit", commit) == (
        f"tree {tree}\nparent {base}\nauthor {who}\ncommitter {who}\n\n"
        f"Fix\n\nBecause.\n\nPawl-Job: {JOB}"
    )
    trailer = git(
        mirror.git_dir, "log", "-1", "--format=%(trailers:key=Pawl-Job,valueonly)", commit
    )
    assert trailer == JOB


async def test_a_commit_is_by_whom_the_operator_says(mirror: Mirror, origin: Upstream) -> None:
    base = origin.head()
    who = Identity(name="Jürgen O'Neil", email="41898282+pawl[bot]@users.noreply.github.com")

    commit = await make_commit(
        mirror,
        tree=await mirror.tree_of(base),
        base=base,
        message="Fix",
        trailer="Pawl-Job: j d",
        time=TIME,
        author=who,
    )

    told = git(mirror.git_dir, "log", "-1", "--format=%an|%ae|%cn|%ce", commit)
    assert told == "|".join([who.name, who.email] * 2)


async def test_a_time_without_zone_is_refused(mirror: Mirror, origin: Upstream) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await make_commit(
            mirror,
            tree=origin.head(),
            base=origin.head(),
            message="x",
            trailer=f"Pawl-Job: {JOB}",
            time=datetime.now(UTC).replace(tzinfo=None),
        )


def test_a_trailer_joins_the_trailers_that_are_there() -> None:
    message = "Fix\n\nSigned-off-by: A <a@example.org>\n"

    assert with_trailer(message, "Pawl-Job: j d") == message + "Pawl-Job: j d\n"


def test_a_subject_that_looks_like_a_trailer_is_none() -> None:
    assert with_trailer("Fix: the thing", "Pawl-Job: j d") == "Fix: the thing\n\nPawl-Job: j d\n"


def test_control_characters_do_not_reach_a_message() -> None:
    assert with_trailer("a\0b\x1b[2J", "Pawl-Job: j d") == "a b [2J\n\nPawl-Job: j d\n"


def test_refs_lie_below_pawls_own_folder() -> None:
    assert checkpoint_ref(JOB, 0) == f"refs/pawl/{JOB}/0"
    assert snapshot_ref(JOB, 1, 2) == f"refs/pawl/{JOB}/1-2-partial"
