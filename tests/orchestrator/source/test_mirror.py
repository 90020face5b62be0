"""The mirror holds what origin holds, or says why not."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.origin import FetchLimits, Origin
from services.orchestrator.source.ways import Ways
from tests.orchestrator.source.repositories import ENVIRONMENT, JOB, Upstream, git, mirrors
from tests.support.git_server import git_server


async def test_a_fetch_brings_all_branches(origin: Upstream, mirror: Mirror) -> None:
    side = origin.commit(origin.files(c="three\n"), branch="feature/side")

    await mirror.fetch()

    assert await mirror.branch_commit("feature/side") == side
    assert await mirror.branch_commit("main") == origin.head()


async def test_a_fetch_forgets_deleted_branches_and_keeps_pawls_own_refs(
    origin: Upstream, mirror: Mirror
) -> None:
    commit = origin.commit(origin.files(c="three\n"), branch="gone")
    await mirror.fetch()
    await mirror.keep(f"refs/pawl/{JOB}/0", commit)
    git(origin.path, "branch", "-D", "gone")

    await mirror.fetch()

    with pytest.raises(JobFailed, match="BRANCH_NOT_FOUND"):
        await mirror.branch_commit("gone")
    assert await mirror.kept(f"refs/pawl/{JOB}/0") == commit


async def test_a_branch_that_becomes_a_folder_of_branches_is_fetched(
    origin: Upstream, mirror: Mirror
) -> None:
    origin.commit(origin.files(c="1"), branch="topic")
    await mirror.fetch()
    git(origin.path, "branch", "-D", "topic")
    below = origin.commit(origin.files(c="2"), branch="topic/one")

    await mirror.fetch()

    assert await mirror.branch_commit("topic/one") == below


async def test_the_default_branch_is_origins_at_the_last_fetch(
    origin: Upstream, mirror: Mirror
) -> None:
    assert await mirror.default_branch() == "main"
    origin.commit(origin.files(c="three\n"), branch="trunk")
    git(origin.path, "symbolic-ref", "HEAD", "refs/heads/trunk")

    await mirror.fetch()

    assert await mirror.default_branch() == "trunk"


async def test_a_head_that_names_no_branch_is_no_default_branch(
    origin: Upstream, mirror: Mirror
) -> None:
    git(origin.path, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    await mirror.fetch()

    with pytest.raises(JobFailed, match="no default branch") as caught:
        await mirror.default_branch()

    assert caught.value.failure.reason is Reason.BRANCH_NOT_FOUND


async def test_a_missing_branch_is_answered_with_similar_names(
    origin: Upstream, mirror: Mirror
) -> None:
    origin.commit(origin.files(c="three\n"), branch="develop")
    await mirror.fetch()

    with pytest.raises(JobFailed, match="develop") as caught:
        await mirror.branch_commit("devlop")

    assert caught.value.failure.reason is Reason.BRANCH_NOT_FOUND


@pytest.mark.parametrize("name", ["main~0", "main^{/a}", "main@{0}", "../heads/main", "-h", "*"])
async def test_a_branch_name_is_never_read_as_a_wish(mirror: Mirror, name: str) -> None:
    with pytest.raises(JobFailed, match="BRANCH_NOT_FOUND"):
        await mirror.branch_commit(name)


async def test_an_empty_repository_is_said_to_be_empty(tmp_path: Path) -> None:
    empty = Upstream(tmp_path / "empty.git")
    mirror = await mirrors(tmp_path / "mirrors").open(str(empty.path))

    with pytest.raises(JobFailed, match="is empty") as caught:
        await mirror.fetch()

    assert caught.value.failure.reason is Reason.BRANCH_NOT_FOUND


@pytest.mark.parametrize("path", ["missing", "."])
async def test_a_path_that_is_no_repository_is_not_found(tmp_path: Path, path: str) -> None:
    mirror = await mirrors(tmp_path / "mirrors").open(str(tmp_path / path))

    with pytest.raises(JobFailed) as caught:
        await mirror.fetch()

    assert caught.value.failure.reason is Reason.REPO_NOT_FOUND


async def test_a_fetch_with_nothing_new_transfers_nothing(origin: Upstream, mirror: Mirror) -> None:
    before = sorted((mirror.git_dir / "objects").rglob("*"))

    await mirror.fetch()

    assert sorted((mirror.git_dir / "objects").rglob("*")) == before


async def test_a_repository_over_the_limit_leaves_no_bytes_behind(tmp_path: Path) -> None:
    origin = Upstream(tmp_path / "large.git")
    large = origin.blob(os.urandom(3 * 1024 * 1024))
    origin.commit(origin.tree(("100644", b"large", large)))
    mirror = await Mirrors(
        tmp_path / "mirrors",
        git=Git(path=ENVIRONMENT["PATH"]),
        credentials=Credentials(),
        allow_local=True,
        limits=FetchLimits(pauses=(), max_repository_bytes=1024 * 1024),
    ).open(str(origin.path))

    with pytest.raises(JobFailed) as caught:
        await mirror.fetch()

    assert caught.value.failure.reason is Reason.REPO_TOO_LARGE
    left = [file for file in mirror.git_dir.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in left) < 4096


async def test_callers_that_wait_together_share_one_fetch(
    origin: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = await mirrors(tmp_path / "mirrors").open(str(origin.path))
    asked: list[str] = []
    run = Origin.run

    async def counted(self: Origin, *arguments: str, **rest: object) -> object:
        asked.append(arguments[0])
        return await run(self, *arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Origin, "run", counted)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(mirror.fetch())

    assert asked.count("fetch") == 1
    # The first asks alone; the seven that came during its fetch share the one after it.
    assert asked.count("ls-remote") == 2


async def test_a_fetch_asked_for_during_another_sees_what_was_pushed_meanwhile(
    origin: Upstream, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Origin.run
    listed, pushed = asyncio.Event(), asyncio.Event()

    async def slow(self: Origin, *arguments: str, **rest: object) -> object:
        done = await run(self, *arguments, **rest)  # type: ignore[arg-type]
        listed.set()
        await pushed.wait()
        return done

    monkeypatch.setattr(Origin, "run", slow)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(mirror.fetch())
        await listed.wait()
        late = origin.commit(origin.files(a="late"), origin.head())
        tasks.create_task(mirror.fetch())
        pushed.set()

    assert await mirror.branch_commit("main") == late


async def test_a_cancelled_fetch_lets_the_next_one_go_on(
    origin: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = await mirrors(tmp_path / "mirrors").open(str(origin.path))
    run, reached = Origin.run, asyncio.Event()

    async def stuck(*_: object, **__: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Origin, "run", stuck)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(mirror.fetch())
        await reached.wait()
        first.cancel()
    monkeypatch.setattr(Origin, "run", run)

    await mirror.fetch()

    assert await mirror.branch_commit("main") == origin.head()


async def test_an_unreachable_host_is_tried_again_before_it_fails(tmp_path: Path) -> None:
    with git_server(tmp_path) as server:
        server.answer = 503
        mirror = await Mirrors(
            tmp_path / "mirrors",
            git=Git(path=ENVIRONMENT["PATH"]),
            credentials=Credentials(),
            allow_local=True,
            limits=FetchLimits(pauses=(timedelta(0), timedelta(0))),
        ).open(f"{server.url}/origin.git")

        with pytest.raises(JobFailed) as caught:
            await mirror.fetch()

    assert caught.value.failure.reason is Reason.REPO_UNREACHABLE
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (401, Reason.REPO_AUTH),
        (403, Reason.REPO_AUTH),
        (404, Reason.REPO_NOT_FOUND),
        (301, Reason.REPO_NOT_FOUND),
    ],
)
async def test_a_refusal_is_not_tried_again(tmp_path: Path, answer: int, reason: Reason) -> None:
    with git_server(tmp_path) as server:
        server.answer = answer
        mirror = await mirrors(tmp_path / "mirrors").open(f"{server.url}/origin.git")

        with pytest.raises(JobFailed) as caught:
            await mirror.fetch()

    assert caught.value.failure.reason is reason
    assert len(server.requests) <= 2


async def test_the_token_reaches_the_forge_alone_and_no_error_text(
    origin: Upstream, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token\n")
    with git_server(tmp_path) as forge, git_server(tmp_path) as stranger:
        forge.token = "s3cret-token"
        known = mirrors(tmp_path / "mirrors", forge_url=forge.url, token_file=token_file)
        await (await known.open(f"{forge.url}/origin.git")).fetch()
        stranger.token = "s3cret-token"

        with pytest.raises(JobFailed) as caught:
            await (await known.open(f"{stranger.url}/origin.git")).fetch()

    assert [header for _, header in stranger.requests if header] == []
    assert all(header for _, header in forge.requests)
    assert caught.value.failure.reason is Reason.REPO_AUTH
    assert "s3cret" not in str(caught.value.failure)


async def test_a_refused_token_is_in_no_error_text(origin: Upstream, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("stale-token")
    with git_server(tmp_path) as forge:
        forge.token = "fresh-token"
        known = mirrors(tmp_path / "mirrors", forge_url=forge.url, token_file=token_file)

        with pytest.raises(JobFailed) as caught:
            await (await known.open(f"{forge.url}/origin.git")).fetch()

    assert caught.value.failure.reason is Reason.REPO_AUTH
    assert "stale-token" not in str(caught.value.failure)


async def test_no_argv_carries_a_credential(
    origin: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token")
    seen: list[str] = []
    run = Git.run

    async def spied(self: Git, *arguments: str, **rest: object) -> object:
        seen.extend(arguments)
        return await run(self, *arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", spied)
    with git_server(tmp_path) as forge:
        forge.token = "s3cret-token"
        known = mirrors(tmp_path / "mirrors", forge_url=forge.url, token_file=token_file)
        await (await known.open(f"{forge.url}/origin.git")).fetch()

    assert seen
    assert not any("s3cret" in word or "Authorization" in word for word in seen)


async def test_an_unreadable_token_file_is_named(tmp_path: Path) -> None:
    known = mirrors(
        tmp_path / "mirrors", forge_url="http://127.0.0.1:9", token_file=tmp_path / "missing"
    )
    mirror = await known.open("owner/repo")

    with pytest.raises(JobFailed, match="PAWL_GITHUB_TOKEN_FILE") as caught:
        await mirror.fetch()

    assert caught.value.failure.reason is Reason.REPO_AUTH


async def test_origins_submodules_and_hooks_do_nothing(origin: Upstream, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    modules = origin.blob(f'[submodule "m"]\n path = m\n url = "!touch {canary}"\n'.encode())
    origin.commit(
        origin.tree(
            ("100644", b".gitmodules", modules), ("160000", b"m", "1" * 40)
        )
    )  # fmt: skip

    mirror = await mirrors(tmp_path / "mirrors").open(str(origin.path))
    await mirror.fetch()

    assert not canary.exists()
    assert await mirror.branch_commit("main") == origin.head()


async def test_opening_twice_gives_one_mirror(origin: Upstream, tmp_path: Path) -> None:
    known = mirrors(tmp_path / "mirrors")

    first = await known.open(str(origin.path))

    assert await known.open(f"file://{origin.path}/") is first


async def test_many_small_packs_are_joined(origin: Upstream, mirror: Mirror) -> None:
    packs = mirror.git_dir / "objects/pack"
    kept = origin.files(a="0")
    for number in range(52):
        tree = origin.files(a=str(number))
        pack = origin.pack(tree, destination=origin.path / "one.pack")
        git(mirror.git_dir, "index-pack", "--stdin", stdin=pack.read_bytes())
    last = origin.commit(origin.files(a="new"), origin.head())

    await mirror.fetch()

    assert len(list(packs.glob("*.idx"))) < 10
    assert await mirror.tree_of(last)
    assert git(mirror.git_dir, "cat-file", "-t", kept) == "tree"


async def test_half_written_packs_of_a_killed_fetch_are_dropped(
    origin: Upstream, mirror: Mirror
) -> None:
    stale = mirror.git_dir / "objects/pack/tmp_pack_x1y2z3"
    stale.write_bytes(b"half")

    await mirror.fetch()

    assert not stale.exists()


async def test_a_half_made_mirror_is_finished(origin: Upstream, tmp_path: Path) -> None:
    known = mirrors(tmp_path / "mirrors")
    mirror = await known.open(str(origin.path))
    (mirror.git_dir / "HEAD").unlink()
    shutil.rmtree(mirror.git_dir / "refs")

    again = await mirrors(tmp_path / "mirrors").open(str(origin.path))
    await again.fetch()

    assert await again.branch_commit("main") == origin.head()


@pytest.mark.parametrize("again", range(3))
async def test_orchestrators_that_first_need_a_mirror_together_make_one(
    origin: Upstream, tmp_path: Path, again: int
) -> None:
    """Two jobs of a new repository once broke each other's `git init`."""
    orchestrators = [mirrors(tmp_path / f"mirrors-{again}") for _ in range(6)]

    async with asyncio.TaskGroup() as tasks:
        made = [
            tasks.create_task(known.open(str(origin.path)))
            for known in orchestrators
            for _ in range(2)
        ]

    async with asyncio.TaskGroup() as tasks:
        for one in made:
            tasks.create_task(one.result().fetch())
    for one in made:
        assert await one.result().branch_commit("main") == origin.head()


async def test_locks_left_by_a_killed_git_cost_nothing(origin: Upstream, mirror: Mirror) -> None:
    """A git that was killed among its references left them locked for ever."""
    await mirror.fetch()
    head = origin.commit(origin.files(c="three\n"))
    side = origin.commit(origin.files(c="four\n"), branch="side")
    heads = mirror.git_dir / "refs" / "origin" / "heads"
    left = [heads / "main.lock", heads / "side.lock", mirror.git_dir / "packed-refs.lock"]
    for lock in left:
        lock.touch()
        os.utime(lock, (0, 0))

    await mirror.fetch()

    assert await mirror.branch_commit("main") == head
    assert await mirror.branch_commit("side") == side
    assert not [lock for lock in left[:2] if lock.exists()]


async def test_what_is_allowed_no_more_is_refused_before_git_and_found_all_the_same(
    origin: Upstream, tmp_path: Path
) -> None:
    """Retention still has to find the mirrors of repositories that an operator has ruled out."""
    allowed = await mirrors(tmp_path / "mirrors").open(str(origin.path))
    narrowed = Mirrors(
        tmp_path / "mirrors",
        git=Git(path="/nowhere"),
        credentials=Credentials(),
        allow_local=True,
        ways=Ways(repositories=["acme/*"]),
    )

    with pytest.raises(JobFailed) as caught:
        await narrowed.open(str(origin.path))

    assert caught.value.failure.reason is Reason.REPO_URL_DENIED
    assert "PAWL_ALLOWED_REPOSITORIES" in caught.value.failure.remedy
    assert narrowed.folder(str(origin.path)) == allowed.git_dir
