"""A prune gives way to whoever wants the mirror, and trouble with one puts it off."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.retention.checkpoints import DUE
from services.orchestrator.retention.mirrors import MirrorKeeping
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.use import UseLock
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.retention.test_mirrors import WEEK, House, unused_for
from tests.orchestrator.source.repositories import Upstream, git, mirrors
from tests.orchestrator.store.test_retaining import NOW
from tests.support.fresh_store import fresh_store
from tests.support.held_lock import held
from tests.support.jobs import some_job, some_plan


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with fresh_store(f"sqlite:///{tmp_path / 'jobs.db'}") as made:
        yield made


@pytest.fixture
async def house(store: SqlStore, tmp_path: Path) -> House:
    """A mirror with the ref of a job that was given up."""
    origin = Upstream(tmp_path / "origin.git")
    origin.commit(origin.files(a="one\n"))
    kept = mirrors(tmp_path / "mirrors")
    mirror = await kept.open(str(origin.path))
    await mirror.fetch()
    made = House(store, kept, mirror)
    await made.job(origin)
    await store.give_up_checkpoints(older_than=NOW, limit=10)
    return made


def with_git(house: House, folder: Path, repack: str) -> None:
    """Lets the collector use a git that does this instead of a repack."""
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = repack ]; then {repack}; fi\n'
        f'PATH="{os.environ["PATH"]}" exec git "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    slow = Mirrors(
        house.kept.root,
        git=Git(path=f"{folder}:{os.environ['PATH']}"),
        credentials=Credentials(),
        allow_local=True,
    )
    house.keeping = MirrorKeeping(slow, house.store)


async def test_a_prune_is_broken_off_for_whoever_wants_the_mirror(
    house: House, tmp_path: Path
) -> None:
    with_git(house, tmp_path / "slow", f"touch {tmp_path / 'begun'}; sleep 60")
    collecting = asyncio.create_task(house.collect())
    while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - another process tells
        await asyncio.sleep(0.01)

    use = await house.mirror.use()

    assert await collecting == {"checkpoints": 1}
    assert (house.mirror.git_dir / DUE).exists()
    use.end()
    house.keeping = MirrorKeeping(house.kept, house.store)
    assert await house.collect() == {"mirrors pruned": 1}


async def test_a_prune_that_fails_is_done_another_time(house: House, tmp_path: Path) -> None:
    with_git(house, tmp_path / "broken", "exit 9")

    assert await house.collect() == {"checkpoints": 1}

    alone = UseLock(house.mirror.git_dir).alone()
    assert alone is not None
    alone.end()
    house.keeping = MirrorKeeping(house.kept, house.store)
    assert await house.collect() == {"mirrors pruned": 1}


async def test_a_mirror_whose_refs_are_locked_is_left_for_the_next_round(house: House) -> None:
    impatient = Mirrors(
        house.kept.root,
        git=Git(lock_age=timedelta(seconds=0.4)),
        credentials=Credentials(),
        allow_local=True,
    )
    house.keeping = MirrorKeeping(impatient, house.store)

    async with held(house.mirror.git_dir / "packed-refs.lock"):
        assert await house.collect() == {}
        assert len(house.refs()) == 1

    await house.collect()
    assert house.refs() == []
    assert git(house.mirror.git_dir, "fsck", "--connectivity-only") == ""


async def test_nothing_is_pruned_while_it_is_unknown_whose_a_mirror_is(house: House) -> None:
    """A repository that is no longer allowed may be that of any mirror."""
    job = await house.rig.submit(some_job(some_plan(repository="ftp://host/no longer allowed")))
    unused_for(house.mirror, 8)

    assert await house.collect(unused=WEEK) == {"checkpoints": 1}

    await house.store.request_cancel(job.job_id, by="me", reason="")
    assert (await house.collect(unused=WEEK)).keys() == {"mirrors pruned", "mirrors"}
