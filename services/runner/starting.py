"""How the CLI of a run is started, or was."""

from binascii import b2a_base64
from dataclasses import replace
from pathlib import Path

from services.runner.holding import Patience
from services.runner.keeper import marks
from services.runner.keeper.record import Order
from services.runner.moments import Moment
from services.runner.run_record import RunRecord
from services.runner.runtimes.runtime import Invocation, Place, Runtime
from services.runner.values import Limits


def prepare(runtime: Runtime, known: RunRecord, place: Place, prompt: str | None) -> Invocation:
    """Returns how to start the CLI, or how it was started: its secrets are needed to mask.

    Raises OSError.
    """
    spec = known.spec()
    if prompt is None:
        return runtime.invocation(spec, place)
    spec = replace(spec, prompt=prompt)
    for directory in (place.home, place.tmp, place.state, place.run):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    runtime.prepare(spec, place)
    return runtime.invocation(spec, place)


def order(
    directory: Path,
    invocation: Invocation,
    place: Place,
    *,
    limits: Limits,
    patience: Patience,
    kept: Moment,
) -> Order:
    """Returns what a keeper is to hold for a run's directory; the lease goes on from `kept`."""
    mark = marks.new()
    return Order(
        mark=mark,
        argv=invocation.argv,
        env={**invocation.env, marks.VARIABLE: str(mark)},
        cwd=str(place.repo),
        prompt=b2a_base64(invocation.prompt, newline=False).decode(),
        stdout=str(directory / "stdout"),
        stderr=str(directory / "stderr"),
        max_capture_bytes=limits.max_output_bytes,
        step_timeout=limits.step_timeout.total_seconds(),
        interrupt_grace=patience.interrupt.total_seconds(),
        terminate_grace=patience.terminate.total_seconds(),
        linger_grace=patience.linger.total_seconds(),
        orphan_limit=patience.orphan.total_seconds(),
        kept=kept,
        sweep_limit=patience.sweep.total_seconds(),
    )
