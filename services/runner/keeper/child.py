"""Starts the CLI: in a session of its own, recorded before its first instruction."""

import os
import resource
import signal
from binascii import a2b_base64
from collections.abc import Callable
from typing import NoReturn

from services.runner.keeper import marks
from services.runner.keeper.record import Order

GO = b"g"


class CannotStart(Exception):
    """The CLI could not be executed; says why in a sentence for a person."""


def start(
    order: Order,
    captures: tuple[int, int],
    *,
    record: Callable[[int], None],
    settle: Callable[[], None],
) -> int:
    """Starts the CLI and returns its pid, which is its session and its process group as well.

    `captures` are the descriptors of the files that take its stdout and stderr. `record` is called
    with that pid while the child still waits at a gate, so that no CLI ever runs that is not on
    disk; `settle` is called in the child. Raises CannotStart where the program cannot be executed;
    the child has then been reaped.

    Forks by hand: a keeper has one thread and no grpc, and the gate must stand between the fork
    and the program.
    """
    gate, opener = os.pipe()
    told, teller = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(opener)
        os.close(told)
        _become(order, captures, settle, gate, teller)
    os.close(gate)
    os.close(teller)
    try:
        record(child)
        os.write(opener, GO)
    finally:
        os.close(opener)
    with os.fdopen(told, "rb") as answer:
        # Exec closes the other end without a word; a word is why there was no exec.
        problem = answer.read()
    if problem:
        os.waitpid(child, 0)
        raise CannotStart(problem.decode("utf-8", "replace"))
    return child


def _become(
    order: Order, captures: tuple[int, int], settle: Callable[[], None], gate: int, teller: int
) -> NoReturn:
    """Turns the forked child into the CLI. Never returns, whatever happens."""
    try:
        os.setsid()
        if os.read(gate, 1) != GO:
            os._exit(126)  # the keeper died before it could write down that we exist
        _plumb(order, captures)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        settle()
        _volunteer()
        if mark := order.get("mark"):
            marks.put(mark)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], list(order["argv"]), dict(order["env"]))  # noqa: S606
    except OSError as error:
        what = os.fsdecode(error.filename or order["argv"][0])
        os.write(teller, f"cannot start {what}: {error.strerror}".encode())
    except BaseException as error:  # the parent's stack lies below: nothing may unwind it
        os.write(teller, f"cannot start {order['argv'][0]}: {type(error).__name__}".encode())
    finally:
        os._exit(127)


def _plumb(order: Order, captures: tuple[int, int]) -> None:
    """Gives the child its three descriptors; whatever else is open closes with exec."""
    prompt = os.memfd_create("prompt")
    rest = memoryview(a2b_base64(order["prompt"]))
    while rest:
        rest = rest[os.write(prompt, rest) :]
    os.lseek(prompt, 0, os.SEEK_SET)
    os.dup2(prompt, 0)
    for descriptor, capture in enumerate(captures, start=1):
        os.dup2(capture, descriptor)


def _volunteer() -> None:
    """Has the kernel take the agent, not its keeper, when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("500")
    except OSError:
        return  # some sandboxes make it read-only; the keeper is small, it is rarely chosen
