"""Parts of CI that go on beside the others are told in their turn, and fail the run."""

import subprocess
from pathlib import Path

from tests.support.processes import alive
from tests.support.stack import until

ROOT = Path(__file__).resolve().parents[1]


def run(script: str) -> tuple[int, str]:
    """The exit code of a run like CI's, and what it said."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n. .ci/beside\n{script}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_part_is_told_whole_as_it_is_joined() -> None:
    code, said = run("begin one 9s echo part; echo first; join one; echo last")

    assert (code, said) == (0, "first\npart\nlast\n")


def test_a_part_that_fails_fails_the_run_where_it_is_joined() -> None:
    code, said = run('begin one 9s bash -c "echo part; exit 7"; echo first; join one; echo last')

    assert (code, said) == (7, "first\npart\none: ended with 7\n")


def test_a_part_that_takes_too_long_is_ended_and_fails_the_run() -> None:
    code, said = run("begin one 0.1s sleep 60; join one; echo last")

    assert (code, said) == (124, "one: ended with 124\n")


def test_a_run_that_fails_takes_the_parts_left_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    part = f'bash -c "echo part; sleep 60 & echo \\$! >{child}; wait"'

    code, said = run(f"begin one 50s {part}; until [ -s {child} ]; do :; done; (exit 3); echo last")

    assert (code, said) == (3, "one: not joined; it had said:\npart\n")
    until(lambda: not alive(int(child.read_text())))


def test_parts_go_on_at_the_same_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    script = f"mkfifo {pipe}; begin one 9s tee {pipe}; begin two 9s cat {pipe}; join two; join one"

    assert run(script) == (0, "")
