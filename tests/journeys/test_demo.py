"""The demo of each CLI runs by itself and shows what it made."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import clis
from tests.support.repositories import git

pytestmark = [pytest.mark.journey, pytest.mark.timeout(185)]

ROOT = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 180


@pytest.fixture(scope="module")
def demos() -> "Iterator[dict[str, subprocess.Popen[str]]]":
    """All of them at the same time, since most of it is waiting."""
    # Neither keys nor settings of whoever runs the tests take part.
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | {"LANG": "C.UTF-8"}
    with contextlib.ExitStack() as scope:
        running = {}
        for runtime in clis.NAMES:
            demo = subprocess.Popen(
                [sys.executable, "-m", "tests.support.demo", runtime],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            running[runtime] = scope.enter_context(demo)
            # Interrupted, not terminated: it then stops its services.
            scope.callback(demo.send_signal, signal.SIGINT)
        yield running


@pytest.mark.parametrize("runtime", clis.NAMES)
def test_the_demo_ends_with_its_branch_its_diff_and_its_artifacts(
    demos: "dict[str, subprocess.Popen[str]]", runtime: str
) -> None:
    said, _ = demos[runtime].communicate(timeout=DEMO_SECONDS)

    assert demos[runtime].returncode == 0, said[-3000:]
    live, result = said.split("\nPushed: ", 1)
    for shown in (
        "job.submitted",
        "task.stage.started",
        "step 0 (Look around)",
        "step 1 (Teach it a second language)",
        "step 2 (Check the result)",
        "Both languages work.",
        "job.succeeded",
    ):
        assert shown in live
    # What the agent does is shown beside the events.
    assert re.search(r"^-  \S+  tool call  step \d", live, re.MULTILINE)

    branch = result.split(" ", 1)[0]
    assert '+GREETINGS = {"en": "Hello", "fr": "Bonjour"}' in result
    assert "+Checked: it says Bonjour as well." in result
    for path in ("patches/changes.patch", "logs/steps/step-0002.log", "publish_result.json"):
        assert path in result.split("\nArtifacts:\n")[1]
    remote = ROOT / ".demo" / runtime / "remote.git"
    assert git(remote, "rev-list", "--count", f"main..{branch}") == "1"
    assert set(git(remote, "diff", "--name-only", "main", branch).splitlines()) == {
        "docs/notes.md",
        "greeter.py",
    }
