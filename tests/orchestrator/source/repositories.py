"""Small repositories that the source tests start from."""

import hashlib
import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.token_file import TokenFile

JOB = "01980000-0000-7000-8000-0000deadbeef"
TIME = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


def git(folder: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] = {}) -> str:
    """Runs git as a user would; returns what it printed."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        env={**ENVIRONMENT, **env},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


class Upstream:
    """A bare repository with one commit on `main`, filled by plumbing alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--bare", "--initial-branch=main")

    def blob(self, content: bytes) -> str:
        return self._loose("blob", content)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree of (mode, name, id) as given: neither sorted nor checked."""
        raw = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(each)
            for mode, name, each in entries
        )
        return self._loose("tree", raw)

    def _loose(self, kind: str, content: bytes) -> str:
        """An object as git stores it. A git for each would be most of what a test costs."""
        whole = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        file = self.path / "objects" / name[:2] / name[2:]
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(zlib.compress(whole, 1))
            file.chmod(0o444)
        return name

    def commit(self, tree: str, *parents: str, branch: str | None = "main") -> str:
        options = [option for parent in parents for option in ("-p", parent)]
        commit = git(self.path, "commit-tree", tree, *options, "-m", "a change")
        if branch:
            git(self.path, "update-ref", f"refs/heads/{branch}", commit)
        return commit

    def files(self, **contents: str) -> str:
        """A tree of plain files."""
        entries = [("100644", name.encode(), self.blob(text.encode()))
                   for name, text in sorted(contents.items())]  # fmt: skip
        return self.tree(*entries)

    def head(self, branch: str = "main") -> str:
        return git(self.path, "rev-parse", f"refs/heads/{branch}")

    def pack(self, *revisions: str, destination: Path) -> Path:
        """What a runner would send for these trees, less what is after a ``^``."""
        return packed(self.path, *revisions, destination=destination)

    def pack_of(self, *objects: str, destination: Path) -> Path:
        """These objects alone, whatever they refer to."""
        return _pack(self.path, [], objects, destination)

    def contents(self) -> list[str]:
        """Every blob and tree, reachable or not."""
        listing = git(
            self.path,
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname) %(objecttype)",
        )
        pairs = [line.split() for line in listing.splitlines()]
        return [name for name, kind in pairs if kind != "commit"]


def packed(folder: Path, *revisions: str, destination: Path) -> Path:
    """A thin pack of what `revisions` reach, less what is after a ``^``."""
    return _pack(folder, ["--revs", "--thin"], revisions, destination)


def _pack(folder: Path, options: list[str], lines: Sequence[str], destination: Path) -> Path:
    done = subprocess.run(
        ["git", "pack-objects", "--stdout", "-q", *options],
        cwd=folder,
        env=ENVIRONMENT,
        input="".join(f"{each}\n" for each in lines).encode(),
        capture_output=True,
        check=True,
    )
    destination.write_bytes(done.stdout)
    return destination


def mirrors(
    root: Path, *, forge_url: str = "https://github.com", token_file: Path | None = None
) -> Mirrors:
    """Mirrors that allow local repositories and never pause."""
    file = TokenFile(path=token_file, url=forge_url, pauses=()) if token_file else None
    return Mirrors(
        root,
        git=Git(path=os.environ["PATH"]),
        credentials=Credentials(keys=Keyring(file=file)),
        allow_local=True,
        forge_url=forge_url,
        limits=FetchLimits(pauses=()),
    )


async def mirror_of(origin: Upstream, root: Path) -> Mirror:
    """A fetched mirror of `origin`."""
    mirror = await mirrors(root).open(str(origin.path))
    await mirror.fetch()
    return mirror
