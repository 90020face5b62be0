"""What the tests of runtimes share: a place, a spec, recorded streams."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.runner.runtimes.claude import Claude
from services.runner.runtimes.codex import Codex
from services.runner.runtimes.gemini import Gemini
from services.runner.runtimes.lines import Clock
from services.runner.runtimes.runtime import Place, Reader, Runtime, RuntimeSettings, Verdict
from services.runner.values import Activity, Exit, Limits, RunSpec

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STREAMS = Path(__file__).with_name("streams")
JOB = Place(
    repo=Path("/job/repo"),
    home=Path("/job/home"),
    tmp=Path("/job/tmp"),
    state=Path("/job/state"),
    run=Path("/job/run"),
)
MAKERS: Mapping[str, Callable[[RuntimeSettings, Clock], Runtime]] = {
    "codex": Codex,
    "gemini": Gemini,
    "claude": Claude,
}


def place_in(folder: Path) -> Place:
    """A place with all its directories, below `folder`."""
    place = Place(
        repo=folder / "repo",
        home=folder / "home",
        tmp=folder / "tmp",
        state=folder / "state",
        run=folder / "run",
    )
    for path in (place.repo, place.home, place.tmp, place.state, place.run):
        path.mkdir(mode=0o700)
    return place


def spec_of(
    runtime: str,
    *,
    prompt: str = "Pawl runs this step.\nDo it.\n",
    model: str | None = None,
    effort: str | None = None,
) -> RunSpec:
    return RunSpec(
        runtime=runtime,
        model=model,
        effort=effort,
        prompt=prompt,
        limits=Limits(
            step_timeout=timedelta(minutes=1),
            silence=timedelta(minutes=1),
            max_output_bytes=1024**2,
        ),
    )


def program_in(folder: Path, said: str = "echo 1.2.3") -> Path:
    """An executable shell script that stands for a CLI."""
    script = folder / "cli"
    script.write_text(f"#!/bin/sh\n{said}\n")
    script.chmod(0o700)
    return script


def runtime(
    name: str,
    binary: Path,
    *,
    environment: Mapping[str, str] | None = None,
    operator_home: Path | None = None,
    model: str | None = None,
    as_root: bool = False,
) -> Runtime:
    settings = RuntimeSettings(
        binary=binary,
        operator_home=operator_home,
        model=model,
        environment=environment or {},
        as_root=as_root,
    )
    return MAKERS[name](settings, lambda: NOW)


def reader(name: str) -> Reader:
    return runtime(name, Path("/none")).reader(JOB)


def read(
    stream: str, *, code: int = 0, signal: int | None = None, stderr: bytes = b""
) -> tuple[list[Activity], Verdict]:
    """The activities and the verdict of a recorded stream; the runtime is its name's first word."""
    reading = reader(stream.partition("-")[0])
    activities: list[Activity] = []
    for line in (STREAMS / f"{stream}.jsonl").read_bytes().splitlines():
        activities += reading.line(line)
    end = Exit(code=code) if signal is None else Exit(signal=signal)
    return activities, reading.verdict(end, stderr)
