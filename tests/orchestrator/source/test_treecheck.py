"""Hostile trees are refused by name; what was there before is left alone."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.pack import Received, receive
from services.orchestrator.source.quarantine import PackLimits
from services.orchestrator.source.treecheck import EMPTY_TREE, TreeLimits
from tests.orchestrator.source.repositories import Upstream, git, mirror_of

Make = Callable[[Upstream], str]


async def give(mirror: Mirror, origin: Upstream, tree: str, base: str, tmp_path: Path) -> Received:
    """Sends `tree` as a runner would, packed by hand: git refuses to walk some of these."""
    pack = origin.pack_of(*origin.contents(), destination=tmp_path / "result.pack")
    content = pack.read_bytes()
    return await receive(
        mirror,
        pack,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        tree=tree,
        base=base,
        limits=PackLimits(tree=TreeLimits(max_changed_entries=2_000)),
    )


def file(name: bytes, mode: str = "100644") -> Make:
    return lambda origin: origin.tree((mode, name, origin.blob(b"x")))


def link(target: bytes, name: bytes = b"link") -> Make:
    return lambda origin: origin.tree(("120000", name, origin.blob(target)))


def twice(one: bytes, two: bytes) -> Make:
    def make(origin: Upstream) -> str:
        blob = origin.blob(b"x")
        return origin.tree(("100644", one, blob), ("100644", two, blob))

    return make


def folder(name: bytes) -> Make:
    return lambda origin: origin.tree(("40000", name, file(b"hooks")(origin)))


def deep(levels: int) -> Make:
    def make(origin: Upstream) -> str:
        tree = file(b"x")(origin)
        for _ in range(levels):
            tree = origin.tree(("40000", b"d", tree))
        return tree

    return make


def wide(origin: Upstream) -> str:
    """Ten to the tenth paths in ten objects."""
    tree = file(b"x")(origin)
    for _ in range(10):
        tree = origin.tree(*[("40000", b"%d" % n, tree) for n in range(10)])
    return tree


HOSTILE: dict[str, Make] = {
    "a .git folder": folder(b".git"),
    "a .GIT folder": folder(b".GIT"),
    "git~1": folder(b"git~1"),
    "a .git with what HFS ignores": folder(".g\u200cit".encode()),
    "a .git with a trailing dot": folder(b".git. ."),
    "a .git stream of NTFS": file(b".git::$INDEX_ALLOCATION"),
    "a .git behind a backslash": file(b"a\\.git\\config"),
    "dot dot": folder(b".."),
    "a name with a slash": file(b"a/b"),
    "a name twice": twice(b"a", b"a"),
    "case twins": twice(b"README", b"readme"),
    "NFC and NFD twins": twice("e\u0301".encode(), "é".encode()),
    "a .gitmodules link": link(b"other", b".gitmodules"),
    "a .gitattributes link": link(b"other", b".gitattributes"),
    "a gitlink": lambda origin: origin.tree(("160000", b"sub", "1" * 40)),
    "setuid": file(b"x", "104755"),
    "a group-writable mode": file(b"x", "100664"),
    "a newline in a name": file(b"a\nb"),
    "an escape in a name": file(b"a\x1b[2Jb"),
    "a C1 control in a name": file("a\u009bb".encode()),
    "a name that is not UTF-8": file(b"caf\xe9"),
    "a name of 5k": file(b"n" * 5000),
    "folders without end": deep(130),
    "paths without number": wide,
    "an absolute link": link(b"/etc/passwd"),
    "a link to outside": link(b"../x"),
    "a link that climbs late": link(b"a/../../x"),
    "a link into .git": link(b".git/config"),
    "a link to nothing": link(b""),
    "a link with NUL": link(b"a\0b"),
    "a blob as a folder": lambda origin: origin.tree(("40000", b"d", origin.blob(b"x"))),
    "a folder as a file": lambda origin: origin.tree(("100644", b"f", file(b"x")(origin))),
    "no file at all": lambda origin: origin.tree(),
    "a submodule url that is an option": lambda origin: origin.tree(
        (
            "100644",
            b".gitmodules",
            origin.blob(b'[submodule "a"]\n\turl = -u./payload\n\tpath = a\n'),
        )
    ),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_tree_is_rejected_and_nothing_of_it_stays(
    make: Make, mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base, tree = origin.head(), make(origin)

    with pytest.raises(JobFailed) as caught:
        await give(mirror, origin, tree, base, tmp_path)

    assert caught.value.failure.reason is Reason.RESULT_REJECTED
    assert "\x1b" not in caught.value.failure.message
    held = git(mirror.git_dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert tree not in held.split()


async def test_every_honest_change_is_accepted(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    blob = origin.blob(b"x")
    below = origin.tree(("100644", b"file", blob), ("120000", b"up", origin.blob(b"../a")))
    tree = origin.tree(
        ("100644", b" name with 'quotes\"", blob),
        ("100644", b".gitattributes", blob),
        ("100644", b".gitignore", blob),
        ("100755", b"a", blob),
        ("120000", b"dangling", origin.blob(b"not/there/./yet")),
        ("100644", "naïve-文.txt".encode(), blob),
        ("40000", b"sub", below),
    )

    assert (await give(mirror, origin, tree, origin.head(), tmp_path)).changed


async def test_what_the_base_had_is_accepted_beside_a_change(tmp_path: Path) -> None:
    origin = Upstream(tmp_path / "origin.git")
    blob, modules = origin.blob(b"x"), origin.blob(b'[submodule "a"]\n\turl = -x\n')
    odd = [
        ("100644", b".gitmodules", modules),
        ("100644", b"README", blob),
        ("120000", b"etc", origin.blob(b"/etc")),
        ("100644", b"latin-\xe9", blob),
        ("100664", b"legacy", blob),
        ("100644", b"new\nline", blob),
        ("100644", b"readme", blob),
        ("160000", b"sub", "1" * 40),
    ]
    base = origin.commit(origin.tree(*odd))
    mirror = await mirror_of(origin, tmp_path / "mirrors")
    tree = origin.tree(*odd, ("100644", b"zzz", origin.blob(b"the agent's")))

    received = await give(mirror, origin, tree, base, tmp_path)

    assert received.changed


@pytest.mark.parametrize("removed", [0, 1])
async def test_what_the_base_had_may_go(tmp_path: Path, removed: int) -> None:
    origin = Upstream(tmp_path / "origin.git")
    odd = [("120000", b"etc", origin.blob(b"/etc")), ("160000", b"sub", "1" * 40)]
    keep = ("100644", b"a", origin.blob(b"x"))
    base = origin.commit(origin.tree(keep, *odd))
    mirror = await mirror_of(origin, tmp_path / "mirrors")
    del odd[removed]

    assert (await give(mirror, origin, origin.tree(keep, *odd), base, tmp_path)).changed


async def test_an_odd_entry_that_moves_is_judged_where_it_arrives(tmp_path: Path) -> None:
    origin = Upstream(tmp_path / "origin.git")
    below = origin.tree(("120000", b"etc", origin.blob(b"/etc")))
    base = origin.commit(origin.tree(("40000", b"old", below)))
    mirror = await mirror_of(origin, tmp_path / "mirrors")
    tree = origin.tree(("40000", b"new", below))

    with pytest.raises(JobFailed, match="new/etc"):
        await give(mirror, origin, tree, base, tmp_path)


async def test_an_empty_result_on_an_empty_base_is_no_change(tmp_path: Path) -> None:
    origin = Upstream(tmp_path / "origin.git")
    base = origin.commit(origin.tree())
    mirror = await mirror_of(origin, tmp_path / "mirrors")

    received = await receive(mirror, None, size_bytes=0, sha256="", tree=EMPTY_TREE, base=base)

    assert not received.changed
