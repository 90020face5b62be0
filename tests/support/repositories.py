"""Builds the repositories that tests and the demo work on."""

import os
import subprocess
from pathlib import Path

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}

ODD_NAME = "with space, 'single', \"double\" and ünïcödé.txt"
SUBMODULE_COMMIT = "1234567890abcdef1234567890abcdef12345678"
_LFS_POINTER = b"""\
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
"""


def git(repository: Path, *arguments: str | bytes, data: bytes | None = None) -> str:
    """Runs git in `repository` as a person would, without this machine's configuration.

    Returns what it printed, stripped; raises RuntimeError with git's words.
    """
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments],
        env=_ENVIRONMENT,
        input=data,
        stdin=None if data is not None else subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace")
        raise RuntimeError(f"git {arguments[0]!r} ended with {done.returncode}: {words}")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def commit(repository: Path, message: str = "Change") -> str:
    """Commits everything that is not ignored; returns the commit's id."""
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "--allow-empty", "-m", message)
    return git(repository, "rev-parse", "HEAD")


def sample_repository(path: Path) -> Path:
    """A small project on branch `main` with one commit; returns `path`."""
    _start(path)
    _write(path / "README.md", b"# Greeter\n\nSays hello.\n")
    _write(path / ".gitignore", b"__pycache__/\n*.log\nbuild/\n")
    _write(path / "greeter" / "__init__.py", b'"""Says hello."""\n')
    _write(path / "greeter" / "hello.py", b'def hello(name):\n    return f"hello {name}"\n')
    _write(path / "tests" / "test_hello.py", b"from greeter.hello import hello\n")
    commit(path, "Start the greeter")
    return path


def nasty_repository(path: Path) -> Path:
    """One commit with everything a careless snapshot changes; returns `path`.

    CRLF files with `text=auto` (one that is stored with LF, one that is stored
    with CRLF, one with mixed ends), files that `* text` would convert, `ident`
    and an encoding, a submodule entry, files that are tracked and ignored,
    symbolic links (one dangling, two pointing outside, one to a folder), an
    LFS pointer whose filter has no driver, executable bits, odd names, and an
    empty folder.
    """
    _start(path)
    # Stored as they are: the attributes come later, as they do in old projects.
    _write(path / "stored-crlf.txt", b"one\r\ntwo\r\n")
    _write(path / "mixed.txt", b"one\r\ntwo\nthree\r\n")
    _write(path / "forced" / "old.txt", b"never\r\nconverted\r\n")
    _write(path / "forced" / "id.txt", b"$Id: kept as it was $\n")
    commit(path, "Import as it was")
    _write(
        path / ".gitattributes",
        b"*.txt text=auto\n*.bat text=auto eol=crlf\n*.bin filter=lfs diff=lfs merge=lfs -text\n"
        b"*.id ident\n*.utf16 text working-tree-encoding=UTF-16LE eol=crlf\n",
    )
    _write(path / "forced" / ".gitattributes", b"old.txt text\nid.txt ident\n")
    _write(path / "run.bat", b"@echo off\r\necho hello\r\n")
    _write(path / "plain.txt", b"one\ntwo\n")
    _write(path / "version.id", b"$Id$\n")
    _write(path / "wide.utf16", "wide\r\ntext\r\n".encode("utf-16-le"))
    _write(path / "model.bin", _LFS_POINTER)
    _write(path / ".gitignore", b"*.log\nbuild/\n/secret*\n")
    _write(path / "kept.log", b"tracked although ignored\n")
    _write(path / "build" / "keep.txt", b"tracked in an ignored folder\n")
    _write(path / "tool.sh", b"#!/bin/sh\necho hello\n")
    (path / "tool.sh").chmod(0o755)
    _write(path / ODD_NAME, b"odd\n")
    _write(path / "folder" / "-leading dash", b"dash\n")
    _write(path / "folder" / ":(top)magic", b"magic\n")
    _write(path / "folder" / "line\nbreak", b"line\n")
    _write(path / "folder" / os.fsdecode(b"raw-\xff-byte"), b"raw\n")
    (path / "to-folder").symlink_to("folder")
    (path / "dangling").symlink_to("nowhere/at-all")
    (path / "outside").symlink_to("../../outside")
    (path / "absolute").symlink_to("/etc/hostname")
    (path / "empty").mkdir()
    git(path, "add", "-A")
    git(path, "add", "-f", "kept.log", "build/keep.txt")
    git(path, "update-index", "--add", "--cacheinfo", f"160000,{SUBMODULE_COMMIT},library")
    # `add` would have normalised these; the project never did.
    for name in ("stored-crlf.txt", "mixed.txt", "forced/old.txt", "forced/id.txt"):
        blob = git(path, "rev-parse", f"HEAD:{name}")
        git(path, "update-index", "--cacheinfo", f"100644,{blob},{name}")
    (path / "library").mkdir()
    git(path, "commit", "-q", "-m", "Add what is nasty")
    return path


def _start(path: Path) -> None:
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
