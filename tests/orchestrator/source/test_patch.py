"""A patch rebuilds what it was made from."""

import hashlib
from pathlib import Path

from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.pack import receive
from services.orchestrator.source.patch import diff
from services.orchestrator.source.push import push
from tests.orchestrator.source.repositories import JOB, TIME, Upstream, git, mirrors, packed
from tests.support.repositories import nasty_repository


async def test_a_patch_applied_to_its_base_gives_the_other_tree(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    noise = bytes(range(256)) * 40
    attributes = origin.blob(b"* text=auto\n*.bin binary\n*.ps1 text eol=crlf\n")
    quoted = "spaces 'quotes\" naïve-文\ttab".encode()
    before = origin.commit(
        origin.tree(
            ("100644", b".gitattributes", attributes),
            ("100644", b"crlf.txt", origin.blob(b"one\r\ntwo\r\nthree\r\n")),
            ("100755", b"mode", origin.blob(b"#!/bin/sh\n")),
            ("100644", b"moved", origin.blob(b"the same\n" * 20)),
            ("100644", b"noise.bin", origin.blob(noise)),
            ("100644", b"plain-to-link", origin.blob(b"target\n")),
            ("100644", quoted, origin.blob(b"x\n")),
            ("160000", b"sub", "1" * 40),
            ("120000", b"zlink", origin.blob(b"crlf.txt")),
        ),
        origin.head(),
    )
    after = origin.commit(
        origin.tree(
            ("100644", b".gitattributes", attributes),
            ("100644", b"crlf.txt", origin.blob(b"one\r\nTWO\r\nthree\r\nno end")),
            ("100644", b"empty", origin.blob(b"")),
            ("100644", b"mixed.ps1", origin.blob(b"a\r\nb\nc \r\n")),
            ("100644", b"mode", origin.blob(b"#!/bin/sh\n")),
            ("100644", b"new-place", origin.blob(b"the same\n" * 20)),
            ("100644", b"noise.bin", origin.blob(noise[::-1] + noise)),
            ("120000", b"plain-to-link", origin.blob(b"empty")),
            ("100644", quoted, origin.blob(b"y\n")),
            ("160000", b"sub", "1" * 40),
            ("120000", b"zlink", origin.blob(b"empty")),
        ),
        before,
    )
    await mirror.fetch()
    patch = await diff(mirror, before, after, tmp_path / "changes.patch")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-checkout", str(origin.path), str(clone))
    git(clone, "checkout", "--quiet", before)

    git(clone, "apply", "--index", str(patch))

    assert git(clone, "diff", "--cached", after) == ""
    assert git(clone, "write-tree") == await mirror.tree_of(after)


async def test_no_difference_is_no_patch(mirror: Mirror, origin: Upstream, tmp_path: Path) -> None:
    destination = tmp_path / "changes.patch"

    assert await diff(mirror, origin.head(), origin.head(), destination) is None
    assert not destination.exists()


async def test_the_tree_cannot_say_how_it_is_shown(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    attributes = origin.blob(b"* diff=evil filter=evil\n")
    config = origin.blob(f'[diff "evil"]\n command = touch {canary}\n'.encode())
    after = origin.commit(
        origin.tree(
            ("100644", b".gitattributes", attributes),
            ("100644", b".gitconfig", config),
            ("100644", b"a", origin.blob(b"changed\n")),
        ),
        origin.head(),
    )
    await mirror.fetch()

    patch = await diff(mirror, f"{after}", await mirror.tree_of(after), tmp_path / "none")
    made = await diff(
        mirror, git(origin.path, "rev-parse", f"{after}^"), after, tmp_path / "changes.patch"
    )

    assert patch is None
    assert made
    assert not canary.exists()


async def test_the_nasty_repository_travels_whole(tmp_path: Path) -> None:
    """Mirror, import beside odd entries, commit, patch, push: all on one repository."""
    work = nasty_repository(tmp_path / "nasty")
    mirror = await mirrors(tmp_path / "mirrors").open(str(work))
    await mirror.fetch()
    base = await mirror.branch_commit("main")
    changes = {
        "stored-crlf.txt": b"one\r\nTWO\r\n",
        "mixed.txt": b"one\r\ntwo\nTHREE\r\n",
        "forced/old.txt": b"never\r\nconverted\r\nand more\r\n",
        "forced/id.txt": b"$Id: kept as it was $\nmore\n",
        "run.bat": b"@echo off\necho bye\n",
        "version.id": b"$Id$\nmore\n",
        "wide.utf16": b"wide\ntext\nmore\n",
        "model.bin": b"a pointer no more\n",
        "tool.sh": b"#!/bin/sh\n",
        "folder/new": b"new\n",
    }
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    git(work, "read-tree", base, env=index)
    for name, content in changes.items():
        blob = git(work, "hash-object", "-w", "--stdin", "--no-filters", stdin=content)
        git(work, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)
    tree = git(work, "write-tree", env=index)
    pack = packed(work, tree, f"^{base}", destination=tmp_path / "result.pack")

    await receive(
        mirror,
        pack,
        size_bytes=pack.stat().st_size,
        sha256=hashlib.sha256(pack.read_bytes()).hexdigest(),
        tree=tree,
        base=base,
    )
    commit = await make_commit(
        mirror, tree=tree, base=base, message="Change", trailer=f"Pawl-Job: {JOB}", time=TIME
    )
    patch = await diff(mirror, base, commit, tmp_path / "changes.patch")
    await push(mirror, commit=commit, branch="result", expected=None)

    assert git(work, "rev-parse", "result^{tree}") == tree
    git(tmp_path, "clone", "--quiet", "--no-checkout", str(work), "clone")
    git(tmp_path / "clone", "reset", "--quiet", base)
    # Not `--index`: git itself calls the files below `forced` modified right after a checkout.
    git(tmp_path / "clone", "apply", "--cached", str(patch))
    assert git(tmp_path / "clone", "write-tree") == tree
