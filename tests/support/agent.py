"""What the scripted agent does for each directive, told as the Codex CLI would tell it."""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support import script
from tests.support.agent_output import write
from tests.support.script import Directive

PACE_SECONDS = 0.02
OUTPUT_KEPT = 64 * 1024
USAGE = {
    "input_tokens": 1000,
    "cached_input_tokens": 200,
    "cache_write_input_tokens": 0,
    "output_tokens": 50,
    "reasoning_output_tokens": 10,
}


class Ended(Exception):
    """The agent ends here, with this exit code and no more events."""

    def __init__(self, code: int) -> None:
        self.code = code


class Agent:
    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.items = 0
        self.turns = 1
        self.final = ""
        self.child: subprocess.Popen[bytes] | None = None
        self.starting = False
        """A command is under way that `child` does not know yet."""
        self.interrupted = False
        """In that moment: the interrupt is to come again."""

    def emit(self, **event: object) -> None:
        write(1, json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")

    def item(self, kind: str, **fields: object) -> None:
        """Emits one finished item."""
        self.emit(type="item.completed", item={"id": f"item_{self.items}", "type": kind, **fields})
        self.items += 1

    def started(self, kind: str, **fields: object) -> None:
        """Emits an item's start; `item` of the same kind ends it."""
        self.emit(type="item.started", item={"id": f"item_{self.items}", "type": kind, **fields})

    def work(self, prompt: str) -> None:
        self.emit(type="thread.started", thread_id=self.thread_id)
        self.emit(type="turn.started")
        for directive in script.parse(prompt):
            getattr(self, "do_" + directive.verb.replace("-", "_"))(directive)
        if not self.final:
            self.item("agent_message", text="Done: did what the script says.")
        self.complete()

    def complete(self) -> None:
        usage = {name: tokens * self.turns for name, tokens in USAGE.items()}
        self.emit(type="turn.completed", usage=usage)

    def failed(self, message: str) -> None:
        self.emit(type="error", message=message)
        self.emit(type="turn.failed", error={"message": message})

    def do_write(self, directive: Directive) -> None:
        self.change(directive, "w")

    def do_append(self, directive: Directive) -> None:
        self.change(directive, "a")

    def do_touch(self, directive: Directive) -> None:
        self.change(directive, "a")

    def change(self, directive: Directive, mode: str) -> None:
        path = Path(directive.path).absolute()
        changes = [{"path": str(path), "kind": "update" if path.exists() else "add"}]
        self.started("file_change", changes=changes, status="in_progress")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8", newline="") as file:
                file.write(directive.text)
        except OSError as problem:
            self.item("file_change", changes=changes, status="failed")
            write(2, f"scripted agent: {problem}\n")
            return
        self.turns += 1
        self.item("file_change", changes=changes, status="completed")

    def do_run(self, directive: Directive) -> None:
        self.shell(directive.text)

    def do_read(self, directive: Directive) -> None:
        self.shell(f"cat -- {quoted(directive.path)}")

    def do_skill(self, directive: Directive) -> None:
        self.shell(f"cat -- {quoted(f'.agents/skills/{directive.text}/SKILL.md')}")

    def shell(self, command: str) -> None:
        fields = {"command": f"/bin/bash -c {quoted(command)}"}
        self.started(
            "command_execution",
            **fields,
            aggregated_output="",
            exit_code=None,
            status="in_progress",
        )
        # A file, since a child left behind by the command would hold a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            self.starting = True
            self.child = subprocess.Popen(
                ["/bin/bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.starting = False
            if self.interrupted:
                os.kill(os.getpid(), signal.SIGINT)
            try:
                code = self.child.wait(timeout=script.LONGEST_PAUSE_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                code = self.child.wait()
            self.child = None
            output.seek(0)
            text = output.read(OUTPUT_KEPT).decode("utf-8", "replace")
        self.turns += 1
        self.item(
            "command_execution",
            **fields,
            aggregated_output=text,
            exit_code=code,
            status="completed" if code == 0 else "failed",
        )

    def do_say(self, directive: Directive) -> None:
        self.final = directive.text
        self.item("agent_message", text=directive.text)

    def do_think(self, directive: Directive) -> None:
        self.item("reasoning", text=directive.text)

    def do_sleep(self, directive: Directive) -> None:
        time.sleep(directive.number)

    def do_wait_for(self, directive: Directive) -> None:
        deadline = time.monotonic() + script.LONGEST_PAUSE_SECONDS
        while not Path(directive.path).exists():
            if time.monotonic() > deadline:
                self.failed(f"waited in vain for {directive.path}")
                raise Ended(1)
            time.sleep(PACE_SECONDS)

    def do_fail(self, directive: Directive) -> None:
        code = int(directive.number)
        http = code >= 400
        self.failed(f"unexpected status {code}: scripted failure" if http else "scripted failure")
        raise Ended(1 if http else code & 0xFF)

    def do_refuse(self, _: Directive) -> None:
        self.complete()
        raise Ended(0)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
