"""A data directory has one runner at a time, and one name for ever."""

from pathlib import Path

import pytest

from services.runner.data_dir import DataDirTaken, claimed, runner_id


def test_a_second_runner_is_kept_out_until_the_first_has_gone(tmp_path: Path) -> None:
    with claimed(tmp_path / "data"), pytest.raises(DataDirTaken, match="PAWL_DATA_DIR"):
        claimed(tmp_path / "data").__enter__()

    with claimed(tmp_path / "data") as directory:
        assert directory == tmp_path / "data"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataDirTaken, match="file/data"):
        claimed(tmp_path / "file" / "data").__enter__()


def test_the_name_stays(tmp_path: Path) -> None:
    assert runner_id(tmp_path) == runner_id(tmp_path) != ""
