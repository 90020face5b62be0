"""The highest epoch of each job is remembered, across restarts."""

import os
from pathlib import Path

import pytest

from pawl.wire.errors import Aborted
from services.runner.epochs import Epochs


async def test_a_newer_epoch_is_news_and_an_equal_one_is_not(tmp_path: Path) -> None:
    epochs = Epochs(tmp_path)

    assert [await epochs.admit("job", epoch) for epoch in (1, 1, 4, 4)] == [
        True,
        False,
        True,
        False,
    ]


async def test_an_older_epoch_is_refused_after_a_restart_too(tmp_path: Path) -> None:
    await Epochs(tmp_path).admit("job", 4)

    with pytest.raises(Aborted) as refusal:
        await Epochs(tmp_path).admit("job", 3)

    assert (refusal.value.reason, refusal.value.metadata) == ("STALE_EPOCH", {"epoch": "4"})


async def test_jobs_do_not_know_of_each_other(tmp_path: Path) -> None:
    epochs = Epochs(tmp_path)
    await epochs.admit("one", 9)

    assert await epochs.admit("other", 1)


async def test_a_job_of_long_ago_is_forgotten(tmp_path: Path) -> None:
    await Epochs(tmp_path).admit("job", 4)
    os.utime(tmp_path / "job.json", (0, 0))

    assert Epochs(tmp_path).current("job") == 0
    assert list(tmp_path.iterdir()) == []
