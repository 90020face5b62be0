"""Runs a three-step task on a real CLI from end to end: ``python -m tests.support.demo codex``.

Everything is real but the model: a scripted one on loopback tells the CLI what to do,
so that no key is needed. What is made lies below `.demo/`.
"""

import argparse
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import clis
from tests.support.model_api import serving_model_api

ROOT = Path(__file__).resolve().parent.parent.parent
PAWL = Path(sys.executable).with_name("pawl")
START_SECONDS = 60
WATCH_SECONDS = 170

MODELS = {"codex": "gpt-5.5", "claude": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro"}
POINTERS = {
    "codex": ("OPENAI_BASE_URL", "OPENAI_API_KEY", "/v1"),
    "claude": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", ""),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", ""),
}

STEPS = [
    {
        "id": "inspect",
        "title": "Look around",
        "instructions": "Find out what the greeter does and write it down.\n"
        "do: think First I look at what is there.\n"
        "do: read greeter.py\n"
        "do: write docs/notes.md # Notes\\n\\nThe greeter says hello, in English only.\\n\n"
        "do: say The greeter greets in English only; see docs/notes.md.",
    },
    {
        "id": "change",
        "title": "Teach it a second language",
        "instructions": "Let the greeter speak French, too.\n"
        'do: write greeter.py GREETINGS = {"en": "Hello", "fr": "Bonjour"}\\n\\n\\n'
        'def greet(name, language="en"):\\n    return f"{GREETINGS[language]}, {name}!"\\n\n'
        "do: say greet() takes a language now.",
    },
    {
        "id": "check",
        "title": "Check the result",
        "instructions": "Run the greeter and note what it says.\n"
        "do: run python3 -c \"import greeter; print(greeter.greet('Ada', 'fr'))\"\n"
        "do: append docs/notes.md \\nChecked: it says Bonjour as well.\\n\n"
        "do: say Both languages work.",
    },
]


def main() -> int:
    """Exit code 0 when the branch was pushed."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("runtime", choices=clis.NAMES)
    runtime: str = parser.parse_args().runtime
    home = ROOT / ".demo" / runtime
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    remote = _make_remote(home)
    task = home / "task.json"
    task.write_text(json.dumps(_task(runtime, remote), indent=2))
    with (
        serving_model_api(think_seconds=0.4) as api,
        _stack(home, runtime, api.url) as (target, environment),
    ):
        _say(f"The task is {task.relative_to(ROOT)}: three steps for the {runtime} CLI.")
        job_id = _pawl(["submit", str(task), "--target", target], environment).strip()
        watched = subprocess.run(
            [PAWL, "watch", job_id, "--target", target],
            env=environment,
            check=False,
            timeout=WATCH_SECONDS,
        )
        if watched.returncode != 0:
            return watched.returncode
        _show_result(remote, home, job_id, target, environment)
    return 0


def _task(runtime: str, remote: Path) -> dict[str, object]:
    return {
        "repository": str(remote),
        "targetRuntime": runtime,
        "task": {
            "instructions": "Teach the greeter French.",
            "runtime": {"mode": runtime, "model": MODELS[runtime]},
            "steps": STEPS,
            "publish": {"mode": "branch"},
        },
    }


def _make_remote(home: Path) -> Path:
    """A sample repository with one commit, and the bare remote it was pushed to."""
    sample, remote = home / "sample", home / "remote.git"
    sample.mkdir()
    (sample / "greeter.py").write_text('def greet(name):\n    return f"Hello, {name}!"\n')
    (sample / "README.md").write_text("# Greeter\n\nGreets people.\n")
    (sample / ".gitignore").write_text("__pycache__/\n")
    identity = ["-c", "user.name=Demo", "-c", "user.email=demo@example.invalid"]
    for arguments in (
        ["init", "--quiet", "--initial-branch=main", str(sample)],
        ["-C", str(sample), "add", "."],
        ["-C", str(sample), *identity, "commit", "--quiet", "--message", "Greet people"],
        ["clone", "--quiet", "--bare", str(sample), str(remote)],
    ):
        subprocess.run(["git", *arguments], check=True)
    return remote


@contextlib.contextmanager
def _stack(home: Path, runtime: str, api: str) -> Iterator[tuple[str, dict[str, str]]]:
    """`pawl up` on free ports, its runner pointed at the scripted model."""
    url, key, suffix = POINTERS[runtime]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "LANG", "TERM", "COLUMNS", "LINES"}
    }
    environment |= {
        url: api + suffix,
        key: "made-up-key-for-the-demo",
        f"PAWL_{runtime.upper()}_BINARY": str(clis.binary(runtime)),
    }
    ports = [f"--{name}-port=0" for name in ("contract", "orchestrator", "runner", "dashboard")]
    up = subprocess.Popen(
        [PAWL, "up", "--data-dir", home / "data", *ports],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _address(up), environment
    finally:
        up.terminate()
        up.wait(timeout=60)


def _address(up: "subprocess.Popen[str]") -> str:
    """The orchestrator's address out of the one line that `pawl up` prints."""
    if up.stdout is None:
        raise SystemExit("pawl up was started without a pipe")
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and up.poll() is None:
        if select.select([up.stdout], [], [], 1)[0]:
            line = up.stdout.readline()
            _say(line.strip())
            for word in line.split():
                if word.startswith("orchestrator="):
                    return word.removeprefix("orchestrator=")
    raise SystemExit("the services did not start")


def _show_result(
    remote: Path, home: Path, job_id: str, target: str, environment: dict[str, str]
) -> None:
    job = json.loads(_pawl(["show", job_id, "--json", "--target", target], environment))
    branch, base = job["workingBranch"], job["baseCommit"]
    git = ["git", "--no-pager", "-C", str(remote)]
    _say(f"\nPushed: {branch} in {remote.relative_to(ROOT)}")
    subprocess.run([*git, "log", "--oneline", "--no-decorate", f"{base}..{branch}"], check=True)
    sys.stdout.write("\n")
    subprocess.run([*git, "diff", "--stat", "--patch", base, branch], check=True)
    _say("\nArtifacts:")
    sys.stdout.write(_pawl(["artifacts", job_id, "--target", target], environment))
    _say(
        f"\nTheir bytes are below {(home / 'data').relative_to(ROOT)}; while the services run, "
        f"`pawl artifacts {job_id} PATH` prints one."
    )


def _pawl(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [PAWL, *arguments],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return done.stdout


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
