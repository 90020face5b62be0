"""What a chaos run asks of the machine: processes, ports, and to wait for a fact."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def until(
    fact: Callable[[], object],
    what: str,
    seconds: float,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Waits for a fact. Raises TimeoutError that says what for."""
    give_up = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > give_up:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        meanwhile()
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """All below a process, as /proc tells now."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(stat[1]), []).append(int(folder.name))
    found, looking = [], [pid]
    while looking:
        below = parents.get(looking.pop(), [])
        found += below
        looking += below
    return found


def is_stopped(pid: int) -> bool:
    """Whether a process stands still, as after SIGSTOP."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def command_lines() -> Iterator[tuple[int, str]]:
    """Every process with what it was started as."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "cmdline").read_text(errors="replace")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
