"""Scratch folders end with their block, or with their process."""

import errno
import time
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.scratch import scratch, sweep


def test_only_folders_of_dead_processes_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dead").mkdir()
    with scratch(tmp_path) as live:
        later = time.time() + 1000
        monkeypatch.setattr(time, "time", lambda: later)
        swept = sweep(tmp_path)

        assert live.is_dir()
    assert swept == 1
    assert list(tmp_path.iterdir()) == []


def test_a_newborn_folder_is_left_to_its_maker(tmp_path: Path) -> None:
    (tmp_path / "newborn").mkdir()

    assert sweep(tmp_path) == 0


def test_a_disk_that_fills_up_is_said_to_be_full(tmp_path: Path) -> None:
    with pytest.raises(JobFailed) as caught, scratch(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert caught.value.failure.reason is Reason.STORAGE_FULL
    assert list(tmp_path.iterdir()) == []
