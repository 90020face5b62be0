"""`make plants`: takes one safeguard at a time away and sees that chaos notices.

Exits 1 where a plant lives or no longer fits the code. Takes a part of a name as a filter.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.__main__ import ROOT, sources

LIMIT_SECONDS = 400
_WRITES = "services/orchestrator/store/writes.py"
_INTENT = "services/orchestrator/drive/intent.py"
_PUBLISH = "services/orchestrator/drive/publish.py"
_SELF_FENCE = (
    "services/orchestrator/drive/lease.py",
    "timedelta(seconds=self._term.total_seconds() * FENCE_SHARE - spent)",
    "timedelta(seconds=1 + 0 * spent)",
)
"""An owner whose lease has run out goes on."""
_FOUND = re.compile(r"^\s*(I\d+: .*|FAILED .*|E   +Assert.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A safeguard taken away, and the smallest run that has to show it."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    """Files, with what stands there and what takes its place."""
    run: tuple[str, ...]
    """Arguments of Python, in the edited copy."""
    seen_by: str
    """What has to stand in a line of what was found."""


def cells(*named: str) -> tuple[str, ...]:
    """A matrix of a few cells."""
    return ("-m", "tests.chaos", "matrix", "--at-once", "1", "--cells", ",".join(named))


PLANTS = (
    Plant(
        # An owner that looks at the clock in time writes nothing anyway: that goes, too.
        name="no fence on writes",
        edits=(
            _SELF_FENCE,
            (
                _WRITES,
                'job.c.epoch == sa.bindparam("held"),',
                'job.c.epoch != sa.bindparam("held") + 1_000_000,',
            ),
            (
                _WRITES,
                'job.c.owner == sa.bindparam("by"),',
                'job.c.owner != sa.bindparam("by") + "-",',
            ),
        ),
        run=cells("CP-P3=stop"),
        seen_by="I13",
    ),
    Plant(
        # The owner's name, the lease and the state hide it from every run with processes: the
        # epoch alone tells two claims of one process apart.
        name="no epoch in the fence",
        edits=(
            (
                _WRITES,
                'job.c.epoch == sa.bindparam("held"),',
                'job.c.epoch != sa.bindparam("held") + 1_000_000,',
            ),
        ),
        run=("-m", "pytest", "-q", "-x", "-n", "0", "tests/orchestrator/store/test_fence.py"),
        seen_by="test_an_earlier_claim_of_the_same_owner_writes_nothing",
    ),
    Plant(
        name="the journal is not synced",
        edits=(("services/runner/journal_file.py", "            os.fdatasync(descriptor)\n", ""),),
        run=("-m", "pytest", "-q", "-n", "0", "tests/runner/test_power_cut.py"),
        seen_by="test_what_was_told_of_a_run_survives_a_power_cut",
    ),
    Plant(
        name="nothing is swept at the start",
        edits=(
            (
                "services/runner/remains.py",
                '    started = started or cast("Started | None",',
                '    return Receipt()\n    started = started or cast("Started | None",',
            ),
        ),
        run=(
            *("-m", "tests.chaos", "storm", "--kills", "2", "--jobs", "3", "--seed", "3"),
            # Longer than a runner takes to come back: only then is an agent left to be swept.
            *("--only", "runner and its keepers", "--talk", "14", "--least-talk", "12"),
        ),
        seen_by="I5",
    ),
    Plant(
        name="an owner does not stop by itself",
        edits=(_SELF_FENCE,),
        run=cells("CP-T6=stop"),
        seen_by="I13",
    ),
    Plant(
        name="the intent to publish is not frozen",
        edits=(
            (
                _PUBLISH,
                "publication = await work.tools.store.publication(work.job.job_id)",
                "publication = None",
            ),
            (_INTENT, "time=job.create_time,", "time=work.tools.now(),"),
            (
                "services/orchestrator/store/publishing.py",
                "    if recorded is not None:\n        return recorded\n",
                "    if recorded is not None:\n        return wanted\n",
            ),
        ),
        run=cells("CP-B5=kill"),
        seen_by="I1",
    ),
    Plant(
        # Seen where a person closes one whose opener has not heard of it yet.
        name="closed pull requests are not looked for",
        edits=(
            (
                "services/orchestrator/jobs/publishing.py",
                "    near = [one for one in found if not one.foreign and",
                "    near = [one for one in found if one.state is PullState.OPEN and",
            ),
        ),
        run=("-m", "tests.chaos", "publishes", "--jobs", "60", "--people", "0.8", "--seed", "5"),
        seen_by="has the pull requests",
    ),
)


def main() -> int:
    """Tells of every plant what noticed it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.plants", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="only plants whose name holds this")
    chosen = [plant for plant in PLANTS if parser.parse_args().name in plant.name]
    alive = 0
    with tempfile.TemporaryDirectory(prefix="pawl-plants-") as folder:
        for number, plant in enumerate(chosen):
            caught, what = _try(plant, Path(folder, str(number)))
            alive += not caught
            sys.stdout.write(f"{'caught' if caught else 'ALIVE '}  {plant.name:<36} {what}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - alive} of {len(chosen)} plants caught\n")
    return 1 if alive or not chosen else 0


def _try(plant: Plant, copy: Path) -> tuple[bool, str]:
    """Whether it was noticed by what has to notice it, with what that said."""
    for path in sources():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    for name, old, new in plant.edits:
        text = (copy / name).read_text()
        if text.count(old) != 1:
            return False, f"its text stands {text.count(old)} times in {name}"
        (copy / name).write_text(text.replace(old, new))
    try:
        done = subprocess.run(
            [sys.executable, *plant.run],
            cwd=copy,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"its run took more than {LIMIT_SECONDS} s"
    found = _FOUND.findall(done.stdout)
    seen = [line for line in found if plant.seen_by in line]
    if done.returncode and seen:
        return True, f"{seen[0][:150]} ({len(found)} in all)"
    return False, f"ended with {done.returncode}: {'; '.join(found)[:300] or done.stdout[-300:]}"


if __name__ == "__main__":
    sys.exit(main())
