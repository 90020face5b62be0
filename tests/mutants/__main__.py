"""`make mutants`: applies each mutant to a copy of the project, then runs the tests it names.

Exits 1 where a mutant lives or no longer fits the code. Takes a part of a name as a filter.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.contract import CONTRACT
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 240


def main() -> int:
    """Tells of every mutant what caught it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="only mutants whose name holds this")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [mutant for mutant in CONTRACT if options.name in mutant.name]
    with tempfile.TemporaryDirectory(prefix="pawl-mutants-") as folder:
        untouched = Path(folder, "untouched")
        for path in _sources():
            target = untouched / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)
        with ThreadPoolExecutor(options.jobs) as pool:
            told = pool.map(lambda mutant: _try(mutant, untouched), chosen)
            alive = 0
            for mutant, (caught, what) in zip(chosen, told, strict=True):
                alive += not caught
                word = "caught" if caught else "ALIVE "
                sys.stdout.write(f"{word}  {mutant.name:<44} {what}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - alive} of {len(chosen)} mutants caught\n")
    return 1 if alive or not chosen else 0


def _sources() -> Iterator[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    yield from (path for path in listed if (ROOT / path).is_file())
    yield from (str(path.relative_to(ROOT)) for path in (ROOT / "pawl" / "v1").glob("*.py*"))


def _try(mutant: Mutant, untouched: Path) -> tuple[bool, str]:
    """Whether a test failed, with its name, or what went wrong instead."""
    with tempfile.TemporaryDirectory(prefix="pawl-mutant-") as folder:
        copy = Path(folder, "copy")
        shutil.copytree(untouched, copy)
        path = copy / mutant.path
        text = path.read_text()
        if text.count(mutant.old) != 1:
            return False, f"its text stands {text.count(mutant.old)} times in {mutant.path}"
        path.write_text(text.replace(mutant.old, mutant.new))
        return _tested(mutant, copy)


def _tested(mutant: Mutant, copy: Path) -> tuple[bool, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *mutant.tests],
            cwd=copy,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"its tests took more than {LIMIT_SECONDS} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode == 1 and failed:
        return True, failed[0].removeprefix("FAILED ").partition(" - ")[0]
    return False, f"pytest ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
