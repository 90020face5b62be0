"""What the scripted agent does that plays foul, or only a real process can do."""

import json
import os
import signal
import time
from pathlib import Path

from tests.support import script
from tests.support.agent import PACE_SECONDS, Agent, Ended
from tests.support.agent_output import COPIES, SAID, noise, write
from tests.support.script import Directive


class FoulAgent(Agent):
    def __init__(self, thread_id: str) -> None:
        super().__init__(thread_id)
        self.linger = 0.0
        self.numbered = 0
        self.audits: list[str] = []

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
