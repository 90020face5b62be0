"""Mirrors lose what no job needs, and nothing else; unused ones go."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.job import JobOutcome, JobState
from services.orchestrator.retention.mirrors import MirrorKeeping
from services.orchestrator.retention.tally import Tally
from services.orchestrator.source.commit import checkpoint_ref
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.use import UseLock
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.source.repositories import Upstream, git, mirrors
from tests.orchestrator.store.claiming import Rig, ended
from tests.orchestrator.store.test_retaining import NOW
from tests.support.fresh_store import fresh_store
from tests.support.jobs import some_job, some_plan

WEEK = timedelta(days=7)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with fresh_store(f"sqlite:///{tmp_path / 'jobs.db'}") as made:
        yield made


@pytest.fixture
def origin(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "origin.git")
    made.commit(made.files(a="one\n"))
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Mirrors:
    return mirrors(tmp_path / "mirrors")


class House:
    """A mirror with a collector beside it."""

    def __init__(self, store: SqlStore, kept: Mirrors, mirror: Mirror) -> None:
        self.store, self.kept, self.mirror = store, kept, mirror
        self.rig = Rig(store)
        self.keeping = MirrorKeeping(kept, store)

    async def job(
        self,
        origin: Upstream,
        state: JobState | None = JobState.SUCCEEDED,
        *,
        leaves: Artifacts | None = None,
    ) -> str:
        """A job with a checkpoint in the mirror; None lets it go on. Its id.

        It leaves an artifact, and output that is listed nowhere, where it is told to.
        """
        new = some_job(some_plan(repository=str(origin.path)))
        claim = await self.rig.claim(await self.rig.submit(new))
        base = await self.mirror.branch_commit("main")
        await self.store.pin(claim, default_branch="main", base_commit=base, working_branch="t/1")
        made = self.commit(f"work of {claim.job_id}")
        await self.mirror.keep(checkpoint_ref(claim.job_id, 0), made)
        if leaves is not None:
            text = claim.job_id.encode()
            await self.store.keep(claim, [await leaves.put_bytes(claim.job_id, "a.log", text)])
            await leaves.put_segment(claim.job_id, b"lost")
        if state is not None:
            outcome = JobOutcome.FAILED if state is JobState.FAILED else JobOutcome.NO_CHANGES
            await self.store.end(claim, ended(), state=state, outcome=outcome)
        return claim.job_id

    def commit(self, text: str) -> str:
        """A commit that no ref reaches yet."""
        folder = self.mirror.git_dir
        blob = git(folder, "hash-object", "-w", "--stdin", stdin=text.encode())
        tree = git(folder, "mktree", stdin=f"100644 blob {blob}\tfile\n".encode())
        return git(folder, "commit-tree", tree, "-m", "work")

    async def collect(self, *, unused: timedelta | None = None) -> dict[str, int]:
        """One round; what it removed, by kind."""
        tally = Tally()
        await self.keeping.collect(tally, unused=unused)
        return {one.kind: one.count for one in tally.removed}

    def refs(self) -> list[str]:
        """Pawl's own."""
        listed = git(self.mirror.git_dir, "for-each-ref", "--format=%(refname)", "refs/pawl/")
        return listed.split()

    def has(self, commit: str) -> bool:
        """Whether the object is there, reached or not."""
        listed = git(self.mirror.git_dir, "cat-file", "--batch-check", stdin=f"{commit}\n".encode())
        return "missing" not in listed


@pytest.fixture
async def house(store: SqlStore, kept: Mirrors, origin: Upstream) -> House:
    mirror = await kept.open(str(origin.path))
    await mirror.fetch()
    return House(store, kept, mirror)


def unused_for(mirror: Mirror, days: float) -> None:
    """Lets the last use be so long ago."""
    then = time.time() - days * 86400
    file = mirror.git_dir.with_suffix(".lock")
    file.touch()
    os.utime(file, (then, then))


async def test_refs_of_jobs_that_were_given_up_go_with_what_they_reached(
    house: House, origin: Upstream
) -> None:
    gone = await house.job(origin)
    commit = git(house.mirror.git_dir, "rev-parse", checkpoint_ref(gone, 0))
    await house.store.give_up_checkpoints(older_than=NOW, limit=10)
    stays = await house.job(origin)

    removed = await house.collect()

    assert house.refs() == [checkpoint_ref(stays, 0)]
    assert not house.has(commit)
    assert (removed["checkpoints"], removed["mirrors pruned"]) == (1, 1)
    assert await house.mirror.branch_commit("main") == origin.head()


async def test_refs_of_open_jobs_of_retryable_ones_and_of_strangers_stay(
    house: House, origin: Upstream
) -> None:
    running, failed = await house.job(origin, None), await house.job(origin, JobState.FAILED)
    await house.mirror.keep("refs/pawl/a-stranger/0", house.commit("a stranger's"))

    assert await house.collect() == {}
    names = {checkpoint_ref(running, 0), checkpoint_ref(failed, 0), "refs/pawl/a-stranger/0"}
    assert set(house.refs()) == names


async def test_a_base_that_origin_left_behind_stays_for_a_job_that_stands_on_it(
    house: House, origin: Upstream
) -> None:
    await house.job(origin, None)
    base = origin.head()
    origin.commit(origin.files(z="rewritten\n"))
    await house.mirror.fetch()
    await house.job(origin)
    await house.store.give_up_checkpoints(older_than=NOW, limit=10)

    assert "mirrors pruned" in await house.collect()
    assert house.has(base)


async def test_a_mirror_in_use_is_not_pruned_until_it_is_let_go(
    house: House, origin: Upstream
) -> None:
    await house.job(origin)
    await house.store.give_up_checkpoints(older_than=NOW, limit=10)
    loose = house.commit("between an import and its ref")
    use = await house.mirror.use()

    during = await house.collect()
    assert during == {"checkpoints": 1}
    assert house.has(loose)
    use.end()
    assert await house.collect() == {"mirrors pruned": 1}
    assert not house.has(loose)


async def test_a_prune_that_was_killed_is_made_up_for(house: House, origin: Upstream) -> None:
    await house.job(origin)
    await house.store.give_up_checkpoints(older_than=NOW, limit=10)
    use = await house.mirror.use()
    await house.collect()
    use.end()
    half = house.mirror.git_dir / "objects" / "pack" / "tmp_pack_killed"
    half.write_bytes(b"half a pack")

    assert await house.collect() == {"mirrors pruned": 1}
    assert not half.exists()
    assert await house.collect() == {}


async def test_whoever_wants_a_mirror_does_not_wait_for_a_prune(house: House) -> None:
    lock = UseLock(house.mirror.git_dir)
    alone = lock.alone()
    assert alone is not None
    waiting = asyncio.create_task(house.mirror.use())
    while not lock.wanted:  # noqa: ASYNC110 - a file tells
        await asyncio.sleep(0.01)
    assert not waiting.done()

    alone.end()

    use = await waiting
    assert lock.alone() is None
    use.end()


async def test_an_unused_mirror_goes_and_is_made_again_when_it_is_needed(
    house: House, origin: Upstream
) -> None:
    unused_for(house.mirror, 8)

    assert await house.collect(unused=WEEK) == {"mirrors": 1}
    assert not house.mirror.git_dir.exists()

    use = await house.mirror.use()
    await house.mirror.fetch()
    assert await house.mirror.default_branch() == "main"
    assert await house.mirror.branch_commit("main") == origin.head()
    use.end()


async def test_a_mirror_stays_while_a_job_needs_it(house: House, origin: Upstream) -> None:
    new = some_job(some_plan(repository=str(origin.path)))
    job = await house.rig.submit(new)
    unused_for(house.mirror, 8)
    assert await house.collect(unused=WEEK) == {}

    await house.store.request_cancel(job.job_id, by="me", reason="")

    assert await house.collect(unused=WEEK) == {"mirrors": 1}


async def test_a_mirror_with_checkpoints_stays(house: House) -> None:
    await house.mirror.keep("refs/pawl/a-stranger/0", house.commit("a stranger's"))
    unused_for(house.mirror, 8)

    assert await house.collect(unused=WEEK) == {}


async def test_a_mirror_that_is_used_now_or_was_lately_stays(house: House) -> None:
    assert await house.collect(unused=WEEK) == {}
    use = await house.mirror.use()
    unused_for(house.mirror, 8)

    assert await house.collect(unused=WEEK) == {}
    use.end()


async def test_two_collectors_at_once_do_what_one_does(
    house: House, origin: Upstream, tmp_path: Path
) -> None:
    gone = [await house.job(origin) for _ in range(5)]
    await house.store.give_up_checkpoints(older_than=NOW, limit=10)
    async with opened(f"sqlite:///{tmp_path / 'jobs.db'}") as another:
        other = House(another, mirrors(tmp_path / "mirrors"), house.mirror)
        await asyncio.gather(house.collect(), other.collect())
        await house.collect()

    assert len(gone) == 5
    assert house.refs() == []
    assert git(house.mirror.git_dir, "fsck", "--connectivity-only") == ""
    assert await house.mirror.branch_commit("main") == origin.head()


async def test_what_a_killed_removal_left_goes(house: House, tmp_path: Path) -> None:
    left = tmp_path / "mirrors" / "trash" / "half" / "objects"
    left.mkdir(parents=True)

    await house.collect()

    assert not left.exists()
