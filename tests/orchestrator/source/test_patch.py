"""A patch rebuilds what it was made from."""

from pathlib import Path

from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.patch import diff
from tests.orchestrator.source.repositories import Upstream, git


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
