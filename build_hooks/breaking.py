"""Compares the protos with those of earlier commits, so that no client is left behind unnoticed."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASES = ("HEAD", "HEAD^", "origin/main", "main")
"""On the main branch itself `main` is HEAD, and what a commit breaks only its parent tells."""

NEEDED = ("buf.yaml", "protos")


def main(root: Path) -> int:
    """`buf breaking` of the files below `root` against each base there is; 1 if any is broken.

    A base is passed over where it names no commit, as in a new or a shallow repository, where
    it is a commit already compared with, and where it has no protos yet.
    """
    compared: list[str] = []
    broken = 0
    for base in BASES:
        commit = _git(root, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}").strip()
        if not commit or commit in compared or not _has_protos(root, commit):
            continue
        compared.append(commit)
        sys.stdout.write(f"buf breaking: against {base} ({commit[:12]})\n")
        sys.stdout.flush()
        broken |= _breaks(root, commit)
    if not compared:
        sys.stdout.write("buf breaking: no earlier protos to compare with\n")
    return broken


def _has_protos(root: Path, commit: str) -> bool:
    found = _git(root, "ls-tree", "--name-only", commit, *NEEDED).split()
    return sorted(found) == sorted(NEEDED)


def _breaks(root: Path, commit: str) -> int:
    buf = Path(sys.executable).parent / "buf"
    with tempfile.TemporaryDirectory(prefix="pawl-breaking-") as folder:
        # As an archive: buf would clone the repository, and a clone knows only branches and tags.
        earlier = Path(folder) / "earlier.tar"
        archive = ["git", "archive", "--format=tar", f"--output={earlier}", commit, *NEEDED]
        subprocess.run(archive, cwd=root, check=True)
        ended = subprocess.run([buf, "breaking", "--against", earlier], cwd=root, check=False)
    return 1 if ended.returncode else 0


def _git(root: Path, *arguments: str) -> str:
    """What a git command prints; nothing when it does not find what it is asked for."""
    asked = subprocess.run(
        ["git", *arguments], cwd=root, check=False, stdout=subprocess.PIPE, text=True
    )
    return asked.stdout


if __name__ == "__main__":
    sys.exit(main(ROOT if len(sys.argv) < 2 else Path(sys.argv[1])))
