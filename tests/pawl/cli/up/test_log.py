"""Logs stay bounded, and their ends can be told."""

import os
from pathlib import Path

from pawl.cli.up.log import Log


def append(log: Log, data: bytes) -> None:
    with log.appending() as descriptor:
        os.write(descriptor, data)


def test_a_long_log_is_moved_aside_while_it_is_written_to(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.log", limit=10)
    with log.appending() as descriptor:
        os.write(descriptor, b"0123456789ab")
        log.trim()
        os.write(descriptor, b"new")
    assert (tmp_path / "x.log").read_bytes() == b"new"
    assert (tmp_path / "x.log.1").read_bytes() == b"0123456789ab"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.log")
    append(log, b"".join(b"line %d\n" % number for number in range(5000)))
    assert log.tail(2) == "line 4998\nline 4999"


def test_fresh_is_only_what_came_since_the_last_time(tmp_path: Path) -> None:
    append(Log(tmp_path / "x.log"), b"from an earlier start\n")
    log = Log(tmp_path / "x.log")
    append(log, b"one\n")
    assert log.fresh() == b"one\n"
    append(log, b"two\n")
    assert (log.fresh(), log.fresh()) == (b"two\n", b"")


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.log")
    assert (log.tail(), log.fresh()) == ("", b"")
