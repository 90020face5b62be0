"""What the scripted agent does for each directive, told as the Codex CLI would tell it."""

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import script
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
        self.linger = 0.0
        self.numbered = 0
        self.audits: list[str] = []
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

    def audit(self, path: str) -> None:
        """Notes in a file when this process starts and, if it gets to it, stops.

        Whoever has noted a start there before, and lives still, is noted as `beside` it.
        """
        self.audits.append(str(Path(path).absolute()))
        others = [line.split() for line in _lines(path) if line.startswith("start ")]
        self.note(path, "start")
        for other in others:
            if len(other) > 5 and _began(other[1]) == other[5]:
                self.note(path, f"beside-{other[1]}")

    def note(self, path: str, word: str) -> None:
        pid = os.getpid()
        run = Path("/proc/self/fd/1").readlink().parent.name or "-"
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        line = f"{word} {pid} {time.time():.6f} {run} {boot} {_began(str(pid))}\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        write(descriptor, line)
        os.close(descriptor)

    # What every agent can do.

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

    # What only a process that plays foul can do.

    def do_audit(self, directive: Directive) -> None:
        self.audit(directive.path)

    def do_exit(self, directive: Directive) -> None:
        raise Ended(int(directive.number) & 0xFF)

    def do_signal(self, directive: Directive) -> None:
        number = getattr(signal, "SIG" + directive.text.upper().removeprefix("SIG"))
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def do_ignore_signals(self, _: Directive) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def do_fork_daemon(self, directive: Directive) -> None:
        """Leaves a deaf grandchild in a session of its own, which holds stdout."""
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            if directive.path:
                # Whatever comes next in the script may count on the file.
                self.do_wait_for(directive)
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(polite, signal.SIG_IGN)
        if directive.path:
            # Renamed into place, since a waiter must not find it empty.
            half = Path(f"{directive.path}.half")
            half.write_text(f"{os.getpid()}\n", encoding="utf-8")
            half.rename(directive.path)
        time.sleep(script.LONGEST_PAUSE_SECONDS)
        os._exit(0)

    def do_bytes(self, directive: Directive) -> None:
        """Raw lines of 1024 bytes; the last one is shorter, and the newline counts."""
        left = int(directive.number)
        block = ("x" * 1023 + "\n") * 64
        while left > len(block):
            left -= write(1, block)
        if left:
            write(1, block[: left - 1] + "\n")

    def do_numbers(self, directive: Directive) -> None:
        """Raw lines of 16 bytes that count from where the last ones ended; no two are alike."""
        lines = int(directive.number) // 16
        for first in range(self.numbered, self.numbered + lines, 4096):
            last = min(first + 4096, self.numbered + lines)
            write(1, "".join(f"{number:015}\n" for number in range(first, last)))
        self.numbered += lines

    def do_noise(self, directive: Directive) -> None:
        for piece in noise(int(directive.number)):
            write(1, piece)

    def do_noise_line(self, directive: Directive) -> None:
        for piece in noise(int(directive.number), line=True):
            write(1, piece)

    def do_copy(self, directive: Directive) -> None:
        """From here on, and from the start as well: all that goes to stdout goes there, too."""
        COPIES[1].append(os.open(directive.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        write(COPIES[1][-1], bytes(SAID[1]))

    def do_copies(self, directive: Directive) -> None:
        """The same of stdout and stderr, into files that are named for the run."""
        run = Path("/proc/self/fd/1").readlink().parent.name
        for descriptor, copies in COPIES.items():
            path = f"{directive.path}.{run}.{descriptor}"
            copies.append(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            write(copies[-1], bytes(SAID[descriptor]))
            # Not there before it holds what was said so far: an agent may be killed here.
            Path(f"{path}.new").rename(path)

    def do_talk(self, directive: Directive) -> None:
        """A line every now and then, so that something is always being said."""
        end = time.monotonic() + directive.number
        while time.monotonic() < end:
            write(1, "so it goes on and on\n")
            time.sleep(PACE_SECONDS)

    def do_line(self, directive: Directive) -> None:
        """One event of exactly so many bytes with its newline; raw when no event is so short."""
        item = {"id": f"item_{self.items}", "type": "reasoning", "text": ""}
        event = {"type": "item.completed", "item": item}
        room = int(directive.number) - 1 - len(json.dumps(event, separators=(",", ":")))
        if room < 0:
            write(1, "x" * (int(directive.number) - 1) + "\n")
            return
        self.item("reasoning", text="x" * room)

    def do_stdout(self, directive: Directive) -> None:
        write(1, directive.text + "\n")

    def do_stderr(self, directive: Directive) -> None:
        write(2, directive.text + "\n")

    def do_silent(self, directive: Directive) -> None:
        time.sleep(directive.number)

    def do_linger(self, directive: Directive) -> None:
        self.linger = directive.number

    def do_truncate_stdout(self, _: Directive) -> None:
        os.ftruncate(1, 0)


COPIES: dict[int, list[int]] = {1: [], 2: []}
SAID = {1: bytearray(), 2: bytearray()}
"""The first of what went to stdout and stderr, for copies that are asked for later."""
MOST_SAID = 64 * 1024


def noise(size: int, *, line: bool = False) -> Iterator[bytes]:
    """The same `size` bytes every time: NULs and broken UTF-8, in lines or in one line."""
    source = random.Random(size)
    while size > 0:
        piece = source.randbytes(min(size, 1024 * 1024))
        size -= len(piece)
        if line:
            piece = piece.replace(b"\n", b"\0")
        if not size:
            piece = piece[:-1] + b"\n"
        yield piece


def write(descriptor: int, text: str | bytes) -> int:
    """Writes all of a text, returns its length in bytes."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    if descriptor in SAID:
        SAID[descriptor].extend(data[: MOST_SAID - len(SAID[descriptor])])
    # Copies first: what arrives anywhere is never ahead of its copy.
    for taker in (*COPIES.get(descriptor, ()), descriptor):
        left = memoryview(data)
        while left:
            left = left[os.write(taker, left) :]
    return len(data)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _began(pid: str) -> str:
    """When a process began, in the kernel's ticks; empty when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
