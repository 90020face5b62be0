"""One exact commit lands on one branch, or the reason is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source import push as pushing
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.push import Pushed, push
from tests.orchestrator.source.repositories import JOB, TIME, Upstream, git, mirrors
from tests.support.git_server import git_server

BRANCH = "task/20260304/deadbeef"


async def result(mirror: Mirror, origin: Upstream, base: str) -> str:
    """A commit in the mirror that origin does not have."""
    tree = git(mirror.git_dir, "mktree", stdin=b"100644 blob %b\tnew\n" % blob(mirror))
    return await make_commit(
        mirror, tree=tree, base=base, message="Add", trailer=f"Pawl-Job: {JOB}", time=TIME
    )


def blob(mirror: Mirror) -> bytes:
    return git(mirror.git_dir, "hash-object", "-w", "--stdin", stdin=b"from the agent\n").encode()


def decline(origin: Upstream, words: str) -> None:
    hook = origin.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nprintf '{words}\\n' >&2\nexit 1\n")
    hook.chmod(0o755)


async def test_a_new_branch_is_pushed(mirror: Mirror, origin: Upstream) -> None:
    commit = await result(mirror, origin, origin.head())

    pushed = await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert pushed == Pushed(branch=BRANCH, commit=commit, already=False)
    assert origin.head(BRANCH) == commit


async def test_the_starting_branch_is_moved_on(mirror: Mirror, origin: Upstream) -> None:
    base = origin.commit(origin.files(a="side"), origin.head(), branch="side")
    await mirror.fetch()
    commit = await result(mirror, origin, base)

    await push(mirror, commit=commit, branch="side", expected=base)

    assert origin.head("side") == commit


async def test_pushing_again_is_success(mirror: Mirror, origin: Upstream) -> None:
    commit = await result(mirror, origin, origin.head())
    await push(mirror, commit=commit, branch=BRANCH, expected=None)

    again = await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert again.already


async def test_a_branch_with_other_work_is_a_conflict_and_stays(
    mirror: Mirror, origin: Upstream
) -> None:
    theirs = origin.commit(origin.files(a="theirs"), origin.head(), branch=BRANCH)
    commit = await result(mirror, origin, origin.head())

    with pytest.raises(JobFailed, match=theirs) as caught:
        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert caught.value.failure.reason is Reason.PUBLISH_CONFLICT
    assert origin.head(BRANCH) == theirs


async def test_a_starting_branch_that_moved_is_a_conflict_and_stays(
    mirror: Mirror, origin: Upstream
) -> None:
    base = origin.commit(origin.files(a="side"), origin.head(), branch="side")
    await mirror.fetch()
    commit = await result(mirror, origin, base)
    theirs = origin.commit(origin.files(a="theirs"), base, branch="side")

    with pytest.raises(JobFailed, match=theirs) as caught:
        await push(mirror, commit=commit, branch="side", expected=base)

    assert caught.value.failure.reason is Reason.PUBLISH_CONFLICT
    assert origin.head("side") == theirs


async def test_a_starting_branch_that_is_gone_is_a_conflict(
    mirror: Mirror, origin: Upstream
) -> None:
    base = origin.commit(origin.files(a="side"), origin.head(), branch="side")
    await mirror.fetch()
    commit = await result(mirror, origin, base)
    git(origin.path, "branch", "-D", "side")

    with pytest.raises(JobFailed, match="is gone") as caught:
        await push(mirror, commit=commit, branch="side", expected=base)

    assert caught.value.failure.reason is Reason.PUBLISH_CONFLICT


async def test_a_race_is_lost_without_harm(
    mirror: Mirror, origin: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody creates the branch between our read of it and our write."""
    commit = await result(mirror, origin, origin.head())
    theirs = origin.commit(origin.files(a="theirs"), origin.head(), branch=None)
    hook = origin.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/{BRANCH} {theirs}\n"
    )
    hook.chmod(0o755)

    with pytest.raises(JobFailed) as caught:
        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert caught.value.failure.reason is Reason.PUBLISH_CONFLICT
    assert origin.head(BRANCH) == theirs


async def test_a_push_that_would_be_forced_is_refused(mirror: Mirror, origin: Upstream) -> None:
    base = origin.head()
    elsewhere = origin.commit(origin.files(a="other"), branch="side")
    await mirror.fetch()
    commit = await result(mirror, origin, base)

    with pytest.raises(ValueError, match="forced"):
        await push(mirror, commit=commit, branch="side", expected=elsewhere)

    assert origin.head("side") == elsewhere


async def test_a_declined_push_tells_the_remotes_words(mirror: Mirror, origin: Upstream) -> None:
    decline(origin, r"no agents\033[31m here")
    commit = await result(mirror, origin, origin.head())

    with pytest.raises(JobFailed, match="no agents") as caught:
        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert caught.value.failure.reason is Reason.PUBLISH_REJECTED
    assert "pre-receive hook declined" in caught.value.failure.message
    assert "\x1b" not in caught.value.failure.message


async def test_a_branch_that_is_locked_for_a_moment_is_pushed_after_a_pause(
    mirror: Mirror, origin: Upstream
) -> None:
    """An owner before us may still be writing the very same commit there."""
    commit = await result(mirror, origin, origin.head())
    lock = origin.path / f"refs/heads/{BRANCH}.lock"
    lock.parent.mkdir(parents=True)
    tries = 0

    def held_at_first() -> None:
        nonlocal tries
        tries += 1
        lock.touch() if tries == 1 else lock.unlink()

    await push(
        mirror,
        commit=commit,
        branch=BRANCH,
        expected=None,
        proceed=held_at_first,
        pauses=[timedelta()],
    )

    assert origin.head(BRANCH) == commit
    assert tries == 2


async def test_a_repository_that_is_moved_away_for_a_moment_is_pushed_to(
    mirror: Mirror, origin: Upstream
) -> None:
    """A `mv` there and back ended a night's job for good: git said that there was none."""
    commit = await result(mirror, origin, origin.head())
    elsewhere = origin.path.with_name("elsewhere.git")
    tries = 0

    def moved_at_first() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            origin.path.rename(elsewhere)
        if tries == 3:
            elsewhere.rename(origin.path)

    await push(
        mirror,
        commit=commit,
        branch=BRANCH,
        expected=None,
        proceed=moved_at_first,
        pauses=[timedelta()] * 2,
    )

    assert origin.head(BRANCH) == commit


async def test_a_repository_that_stays_away_is_believed_to_be_gone(
    mirror: Mirror, origin: Upstream
) -> None:
    commit = await result(mirror, origin, origin.head())
    origin.path.rename(origin.path.with_name("elsewhere.git"))
    tries: list[None] = []

    with pytest.raises(JobFailed) as caught:
        await push(
            mirror,
            commit=commit,
            branch=BRANCH,
            expected=None,
            proceed=lambda: tries.append(None),
            pauses=[timedelta()] * 99,
        )

    assert caught.value.failure.reason is Reason.PUBLISH_REJECTED
    assert len(tries) == pushing.REFUSALS


async def test_a_branch_in_the_way_is_no_passing_trouble(mirror: Mirror, origin: Upstream) -> None:
    git(origin.path, "branch", "task", "main")
    commit = await result(mirror, origin, origin.head())

    with pytest.raises(JobFailed) as caught:
        await push(mirror, commit=commit, branch=BRANCH, expected=None, pauses=[timedelta()] * 99)

    assert caught.value.failure.reason is Reason.PUBLISH_REJECTED


async def test_a_remote_that_talks_without_end_is_cut_short(
    mirror: Mirror, origin: Upstream
) -> None:
    decline(origin, "x" * 50_000)
    commit = await result(mirror, origin, origin.head())

    with pytest.raises(JobFailed) as caught:
        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert len(caught.value.failure.message) < 3000


async def test_a_fresh_remote_without_the_base_gets_it_too(
    mirror: Mirror, origin: Upstream
) -> None:
    commit = await result(mirror, origin, origin.head())
    git(origin.path, "update-ref", "-d", "refs/heads/main")
    git(origin.path, "gc", "--prune=now", "--quiet")

    await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert git(origin.path, "ls-tree", "--name-only", BRANCH) == "new"


async def test_nothing_but_the_branch_is_pushed(mirror: Mirror, origin: Upstream) -> None:
    commit = await result(mirror, origin, origin.head())
    await mirror.keep(f"refs/pawl/{JOB}/0", commit)
    git(mirror.git_dir, "tag", "v1", commit)

    await push(mirror, commit=commit, branch=BRANCH, expected=None)

    refs = git(origin.path, "for-each-ref", "--format=%(refname)").split()
    assert refs == ["refs/heads/main", f"refs/heads/{BRANCH}"]


async def test_our_own_hooks_do_not_run(mirror: Mirror, origin: Upstream, tmp_path: Path) -> None:
    hook = mirror.git_dir / "hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\nexit 1\n")
    hook.chmod(0o755)
    commit = await result(mirror, origin, origin.head())

    await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert not (tmp_path / "canary").exists()


async def test_the_lease_rule_stops_a_push_before_it_begins(
    mirror: Mirror, origin: Upstream
) -> None:
    commit = await result(mirror, origin, origin.head())

    def stop() -> None:
        raise RuntimeError("too little is left of the lease")

    with pytest.raises(RuntimeError):
        await push(mirror, commit=commit, branch=BRANCH, expected=None, proceed=stop)

    assert git(origin.path, "for-each-ref", f"refs/heads/{BRANCH}") == ""


async def test_a_push_whose_answer_was_lost_is_seen_to_have_landed(
    mirror: Mirror, origin: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = await result(mirror, origin, origin.head())
    attempt = pushing._try

    async def lost(*arguments: object) -> None:
        await attempt(*arguments)  # type: ignore[arg-type]
        raise GitTimedOut

    monkeypatch.setattr(pushing, "_try", lost)

    await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert origin.head(BRANCH) == commit


async def test_a_connection_cut_after_the_push_landed_is_success(
    origin: Upstream, tmp_path: Path
) -> None:
    with git_server(tmp_path) as server:
        mirror = await mirrors(tmp_path / "mirrors").open(f"{server.url}/origin.git")
        await mirror.fetch()
        commit = await result(mirror, origin, origin.head())
        server.lose_answers_to = "git-receive-pack"

        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert origin.head(BRANCH) == commit


async def test_a_push_over_http_uses_the_forges_token(origin: Upstream, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token\n")
    with git_server(tmp_path) as server:
        server.token = "s3cret-token"
        known = mirrors(tmp_path / "mirrors", forge_url=server.url, token_file=token_file)
        mirror = await known.open(f"{server.url}/origin.git")
        await mirror.fetch()
        commit = await result(mirror, origin, origin.head())

        await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert origin.head(BRANCH) == commit


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (301, Reason.PUBLISH_REJECTED),
        (401, Reason.PUBLISH_AUTH),
        (403, Reason.PUBLISH_AUTH),
        (404, Reason.PUBLISH_REJECTED),
        (413, Reason.PUBLISH_REJECTED),
        (429, Reason.PUBLISH_UNAVAILABLE),
        (503, Reason.PUBLISH_UNAVAILABLE),
    ],
)
async def test_a_remote_that_refuses_is_told_apart(
    origin: Upstream, tmp_path: Path, answer: int, reason: Reason
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token")
    with git_server(tmp_path) as server:
        known = mirrors(tmp_path / "mirrors", forge_url=server.url, token_file=token_file)
        mirror = await known.open(f"{server.url}/origin.git")
        await mirror.fetch()
        commit = await result(mirror, origin, origin.head())
        server.answer = answer

        with pytest.raises(JobFailed) as caught:
            await push(mirror, commit=commit, branch=BRANCH, expected=None, pauses=())

    assert caught.value.failure.reason is reason
    assert "s3cret" not in str(caught.value.failure)
    assert "retry the job" in caught.value.failure.remedy.lower()
    assert "A retry runs no step again." in caught.value.failure.remedy


async def test_a_token_file_that_went_missing_is_publishs_trouble(
    origin: Upstream, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token")
    with git_server(tmp_path) as server:
        known = mirrors(tmp_path / "mirrors", forge_url=server.url, token_file=token_file)
        mirror = await known.open(f"{server.url}/origin.git")
        await mirror.fetch()
        commit = await result(mirror, origin, origin.head())
        token_file.unlink()

        with pytest.raises(JobFailed) as caught:
            await push(mirror, commit=commit, branch=BRANCH, expected=None)

    assert caught.value.failure.reason is Reason.PUBLISH_AUTH
