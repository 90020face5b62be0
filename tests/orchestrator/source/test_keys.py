"""What git makes of keys that are refused, renewed, or away."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keys import AuthRefs, KeyAway, Purpose
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.push import push
from tests.orchestrator.source.repositories import JOB, TIME, Upstream, git
from tests.support.git_server import GitServer, git_server
from tests.support.scripted_keys import ScriptedKeys

AWAY = KeyAway("the vault is sealed")
NO_WAIT = timedelta()


@pytest.fixture
def server(tmp_path: Path, origin: Upstream) -> Iterator[GitServer]:
    with git_server(tmp_path) as serving:
        serving.token = "key-1"
        yield serving


async def mirror(server: GitServer, keys: ScriptedKeys) -> Mirror:
    known = Mirrors(
        server.folder / "mirrors",
        git=Git(),
        credentials=Credentials(keys=keys),
        allow_local=True,
        limits=FetchLimits(pauses=(NO_WAIT, NO_WAIT)),
    )
    return await known.open(f"{server.url}/origin.git")


async def result(of: Mirror, base: str) -> str:
    blob = git(of.git_dir, "hash-object", "-w", "--stdin", stdin=b"new\n")
    tree = git(of.git_dir, "mktree", stdin=f"100644 blob {blob}\tnew\n".encode())
    return await make_commit(
        of, tree=tree, base=base, message="Add", trailer=f"Pawl-Job: {JOB}", time=TIME
    )


async def test_a_refused_key_is_renewed_once_for_a_fetch(server: GitServer) -> None:
    keys = ScriptedKeys(value="old", fresh=["key-1"])

    await (await mirror(server, keys)).fetch()

    assert keys.fresh == []


async def test_a_new_key_that_the_host_hears_of_late_fetches(server: GitServer) -> None:
    keys = ScriptedKeys(value="old", fresh=["new"])
    fetched = await mirror(server, keys)
    fetched.origin.limits = FetchLimits(pauses=[timedelta(seconds=0.05)] * 100)

    async def spreads() -> None:
        while keys.fresh or len(server.requests) < 6:  # noqa: ASYNC110 - another thread serves
            await asyncio.sleep(0.01)
        server.token = "new"

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spreads())
        await fetched.fetch()


async def test_a_key_that_is_no_better_fails_the_fetch(server: GitServer) -> None:
    keys = ScriptedKeys(value="old", fresh=["older", "key-1"])

    with pytest.raises(JobFailed) as caught:
        await (await mirror(server, keys)).fetch()

    assert caught.value.failure.reason is Reason.REPO_AUTH
    assert keys.fresh == ["key-1"]


async def test_a_key_there_is_no_other_of_is_tried_once(server: GitServer) -> None:
    with pytest.raises(JobFailed, match="REPO_AUTH"):
        await (await mirror(server, ScriptedKeys(value="old"))).fetch()

    assert len([header for _, header in server.requests if header]) == 1


async def test_a_key_that_comes_back_in_time_fetches(server: GitServer) -> None:
    await (await mirror(server, ScriptedKeys(troubles=[AWAY, AWAY]))).fetch()


async def test_a_key_that_stays_away_is_told_of(server: GitServer) -> None:
    with pytest.raises(JobFailed, match="the vault is sealed") as caught:
        await (await mirror(server, ScriptedKeys(troubles=[AWAY] * 3))).fetch()

    assert caught.value.failure.reason is Reason.REPO_UNREACHABLE
    assert server.requests == []


async def test_a_refused_key_is_renewed_once_for_a_push(
    server: GitServer, origin: Upstream
) -> None:
    keys = ScriptedKeys()
    fetched = await mirror(server, keys)
    await fetched.fetch()
    commit = await result(fetched, origin.head())
    server.token, keys.fresh = "key-2", ["key-2"]

    await push(fetched, commit=commit, branch="new", expected=None, refs=AuthRefs(holder="job/1"))

    assert origin.head("new") == commit
    assert (Purpose.PUBLISH, "job/1") in keys.asked


async def test_a_push_whose_renewed_key_is_refused_too_fails(
    server: GitServer, origin: Upstream
) -> None:
    keys = ScriptedKeys()
    fetched = await mirror(server, keys)
    await fetched.fetch()
    commit = await result(fetched, origin.head())
    server.token, keys.fresh = "key-4", ["key-2", "key-3", "key-4"]

    with pytest.raises(JobFailed, match="PUBLISH_AUTH"):
        await push(fetched, commit=commit, branch="new", expected=None)

    assert keys.fresh == ["key-3", "key-4"]


async def test_a_key_that_the_host_hears_of_late_lands(server: GitServer, origin: Upstream) -> None:
    """A token of an app's that was a second old was refused, and so was the one after it."""
    keys = ScriptedKeys()
    fetched = await mirror(server, keys)
    await fetched.fetch()
    commit = await result(fetched, origin.head())
    server.token, keys.value, keys.fresh = "key-1", "key-2", ["key-3"]
    tries = 0

    def spreads() -> None:
        nonlocal tries
        tries += 1
        server.token = "key-3" if tries == 3 else "key-1"

    await push(fetched, commit=commit, branch="new", expected=None, proceed=spreads)

    assert origin.head("new") == commit


@pytest.mark.parametrize(("times", "lands"), [(2, True), (3, False)])
async def test_a_push_waits_for_a_key_that_is_away(
    server: GitServer, origin: Upstream, times: int, lands: bool
) -> None:
    keys = ScriptedKeys()
    fetched = await mirror(server, keys)
    await fetched.fetch()
    commit = await result(fetched, origin.head())
    keys.troubles = [AWAY] * times

    if lands:
        await push(fetched, commit=commit, branch="new", expected=None)
        assert origin.head("new") == commit
    else:
        with pytest.raises(JobFailed, match=r"PUBLISH_UNAVAILABLE.*the vault is sealed"):
            await push(fetched, commit=commit, branch="new", expected=None)
