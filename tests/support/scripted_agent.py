#!/usr/bin/env -S python3 -S -E
"""A stand-in for the Codex CLI that does at once what its prompt's directives say.

Takes the arguments of `codex exec --json … -`, its prompt from stdin to the end, and writes the
events the real one writes. Starts fast: no site packages, and few modules.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

# The folder of this file comes first otherwise, and its neighbours could shadow standard modules.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.support.agent import Ended  # noqa: E402
from tests.support.foul_agent import FoulAgent  # noqa: E402
from tests.support.script import ScriptError  # noqa: E402

VERSION = "codex-cli 0.0.0-scripted"
# Options of `codex exec` that take a value, as far as anybody passes them.
VALUED = {"-c", "-m", "-s", "-p", "--enable", "--disable", "--model", "--config", "--sandbox"}


def arguments(argv: list[str]) -> tuple[str, str]:
    """Goes to the directory of `-C`; returns the file of `-o` and the thread to go on with."""
    last = ""
    thread = ""
    words = iter(argv)
    for word in words:
        if word == "-C":
            os.chdir(next(words))
        elif word == "-o":
            last = next(words)
        elif word in VALUED:
            next(words)
        elif not word.startswith("-") and word not in {"exec", "resume"}:
            thread = word
    return last, thread


def main() -> NoReturn:
    if "--version" in sys.argv:
        print(VERSION)
        sys.exit(0)
    last, thread = arguments(sys.argv[1:])
    prompt = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    agent = FoulAgent(thread or f"scripted-{os.getpid()}-{time.time_ns()}")

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        if agent.starting:
            agent.interrupted = True
            return
        if agent.child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent.child.pid, signal.SIGKILL)
        finish(agent, 1)

    signal.signal(signal.SIGINT, interrupted)
    if audit := os.environ.get("PAWL_AUDIT"):
        agent.audit(audit)
    try:
        agent.work(prompt)
    except Ended as end:
        finish(agent, end.code)
    except ScriptError as problem:
        agent.failed(str(problem))
        finish(agent, 1)
    if last:
        Path(last).write_text(agent.final, encoding="utf-8")
    time.sleep(agent.linger)
    finish(agent, 0)


def finish(agent: FoulAgent, code: int) -> NoReturn:
    """Ends at once: there is nothing to flush, and a daemon may share our descriptors."""
    for path in agent.audits:
        agent.note(path, "stop")
    os._exit(code)


if __name__ == "__main__":
    main()
