"""Packs travel out and back, and nothing of a bad one stays."""

import asyncio
import hashlib
import os
import random
import signal
import struct
import sys
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source import pack as packs
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.pack import Received, receive, send
from services.orchestrator.source.quarantine import PackLimits, longest_chain
from services.orchestrator.source.scratch import sweep
from services.orchestrator.source.treecheck import TreeLimits
from tests.orchestrator.source.repositories import Upstream, git


async def take(
    mirror: Mirror, pack: Path, tree: str, base: str, limits: PackLimits | None = None
) -> Received:
    content = pack.read_bytes()
    return await receive(
        mirror,
        pack,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        tree=tree,
        base=base,
        limits=limits,
    )


def everything(mirror: Mirror) -> str:
    return git(mirror.git_dir, "cat-file", "--batch-all-objects", "--batch-check")


def crafted(*objects: bytes) -> bytes:
    """A pack of already encoded objects, with its header and its trailer."""
    content = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    return content + hashlib.sha1(content).digest()


def encoded(kind: int, size: int, body: bytes) -> bytes:
    first, size = (kind << 4) | (size & 15), size >> 4
    head = bytearray()
    while size:
        head.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    head.append(first)
    return bytes(head) + body


async def test_a_receiver_without_anything_gets_everything(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    cache = Upstream(tmp_path / "cache.git")

    async with send(mirror, want=[origin.head()], have=[]) as outgoing:
        chunks = [chunk async for chunk in outgoing.chunks()]

    content = b"".join(chunks)
    git(cache.path, "index-pack", "--stdin", "--strict", stdin=content)
    assert git(cache.path, "ls-tree", "--name-only", origin.head()) == "a\nb"
    assert hashlib.sha256(content).hexdigest() == outgoing.sha256
    assert len(content) == outgoing.size_bytes
    assert not outgoing.path.exists()


async def test_a_receiver_gets_only_what_it_lacks(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    old = origin.head()
    new = origin.commit(origin.files(a="one\n", b="changed\n"), old)
    await mirror.fetch()

    async with send(mirror, want=[new], have=[old, "f" * 40, "--all", "^" + old]) as outgoing:
        assert outgoing.object_count == 3


async def test_a_receiver_with_everything_gets_an_empty_pack(
    mirror: Mirror, origin: Upstream
) -> None:
    async with send(mirror, want=[origin.head()], have=[origin.head()]) as outgoing:
        assert outgoing.object_count == 0


async def test_a_pack_is_streamed_in_bounded_chunks_from_any_offset(
    mirror: Mirror, origin: Upstream
) -> None:
    noise = origin.blob(os.urandom(200_000))
    origin.commit(origin.tree(("100644", b"noise", noise)), origin.head())
    await mirror.fetch()

    async with send(mirror, want=[origin.head()], have=[]) as outgoing:
        sizes = [len(chunk) async for chunk in outgoing.chunks()]
        rest = b"".join([chunk async for chunk in outgoing.chunks(100_000)])
        assert rest == outgoing.path.read_bytes()[100_000:]

    assert max(sizes) == 64 * 1024


async def test_a_good_result_comes_into_the_mirror(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base = origin.head()
    tree = origin.files(a="one\n", c="new\n")
    pack = origin.pack(tree, f"^{base}", destination=tmp_path / "result.pack")

    received = await take(mirror, pack, tree, base)

    assert received == Received(tree=tree, changed=True)
    assert git(mirror.git_dir, "ls-tree", "--name-only", tree) == "a\nc"
    assert list((mirror.git_dir / "scratch").iterdir()) == []


async def test_a_result_equal_to_its_base_needs_no_pack(mirror: Mirror, origin: Upstream) -> None:
    tree = await mirror.tree_of(origin.head())

    received = await receive(mirror, None, size_bytes=0, sha256="", tree=tree, base=origin.head())

    assert received == Received(tree=tree, changed=False)


async def test_an_empty_pack_is_a_result_the_mirror_has(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    tree = await mirror.tree_of(origin.head())
    pack = tmp_path / "empty.pack"
    pack.write_bytes(crafted())

    assert not (await take(mirror, pack, tree, origin.head())).changed


async def test_the_same_result_can_be_taken_twice(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base, tree = origin.head(), origin.files(a="other\n")
    pack = origin.pack(tree, f"^{base}", destination=tmp_path / "result.pack")
    first = await take(mirror, pack, tree, base)
    before = everything(mirror)

    second = await take(mirror, pack, tree, base)

    assert first == second
    assert everything(mirror) == before


@pytest.mark.parametrize("crash_in", ["judge_tree", "migrate"])
async def test_a_crash_before_the_objects_moved_leaves_the_mirror_as_it_was(
    mirror: Mirror,
    origin: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crash_in: str,
) -> None:
    base, tree = origin.head(), origin.files(a="other\n")
    pack = origin.pack(tree, f"^{base}", destination=tmp_path / "result.pack")
    before = everything(mirror)

    def crash(*_: object) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as broken:
        broken.setattr(packs, crash_in, crash)
        with pytest.raises(RuntimeError):
            await take(mirror, pack, tree, base)

    assert everything(mirror) == before
    assert (await take(mirror, pack, tree, base)).changed


async def test_a_pack_whose_index_was_not_moved_yet_is_taken_again(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base, tree = origin.head(), origin.files(a="other\n")
    pack = origin.pack(tree, f"^{base}", destination=tmp_path / "result.pack")
    before = set((mirror.git_dir / "objects/pack").glob("*.idx"))
    await take(mirror, pack, tree, base)
    (index,) = set((mirror.git_dir / "objects/pack").glob("*.idx")) - before
    index.unlink()

    await take(mirror, pack, tree, base)

    assert git(mirror.git_dir, "cat-file", "-t", tree) == "tree"


async def test_what_arrived_must_be_what_was_announced(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    tree = origin.files(a="other\n")
    pack = origin.pack(tree, destination=tmp_path / "result.pack")
    content = pack.read_bytes()
    digest = hashlib.sha256(content).hexdigest()

    for size, sha256 in ((len(content) + 1, digest), (len(content), "0" * 64)):
        with pytest.raises(JobFailed) as caught:
            await receive(
                mirror, pack, size_bytes=size, sha256=sha256, tree=tree, base=origin.head()
            )
        assert caught.value.failure.reason is Reason.RESULT_CORRUPT


async def test_damaged_packs_never_come_in(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base, tree = origin.head(), origin.files(a="other\n" * 50, d="d")
    whole = origin.pack(tree, destination=tmp_path / "whole.pack").read_bytes()
    before, pack, chance = everything(mirror), tmp_path / "damaged.pack", random.Random(7)
    outcomes = set()
    for number in range(30):
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        elif number % 3 == 1:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        else:
            damaged += b"more"
        pack.write_bytes(damaged)
        with pytest.raises(JobFailed) as caught:
            await take(mirror, pack, tree, base)
        outcomes.add(caught.value.failure.reason)

    assert outcomes <= {Reason.RESULT_CORRUPT, Reason.RESULT_REJECTED}
    assert everything(mirror) == before


async def test_a_pack_that_lacks_an_object_is_corrupt(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    lost = origin.blob(b"nobody sends this")
    tree = origin.tree(("100644", b"a", lost))
    pack = origin.pack_of(tree, destination=tmp_path / "result.pack")

    with pytest.raises(JobFailed) as caught:
        await take(mirror, pack, tree, origin.head())

    assert caught.value.failure.reason is Reason.RESULT_CORRUPT


async def test_a_tree_that_was_not_sent_is_corrupt(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    pack = origin.pack(origin.files(a="other\n"), destination=tmp_path / "result.pack")

    with pytest.raises(JobFailed) as caught:
        await take(mirror, pack, "1" * 40, origin.head())

    assert caught.value.failure.reason is Reason.RESULT_CORRUPT


async def test_a_pack_with_a_commit_is_rejected(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    base = origin.head()
    commit = origin.commit(origin.files(a="other\n"), base, branch="side")
    pack = origin.pack(commit, f"^{base}", destination=tmp_path / "result.pack")
    tree = git(origin.path, "rev-parse", f"{commit}^{{tree}}")

    with pytest.raises(JobFailed, match="holds a commit") as caught:
        await take(mirror, pack, tree, base)

    assert caught.value.failure.reason is Reason.RESULT_REJECTED


@pytest.mark.parametrize("tree", ["", "HEAD", "--all", "main", "1" * 39])
async def test_a_result_is_named_by_a_full_id(mirror: Mirror, origin: Upstream, tree: str) -> None:
    with pytest.raises(JobFailed, match="RESULT_REJECTED"):
        await receive(mirror, None, size_bytes=0, sha256="", tree=tree, base=origin.head())


LIMITS: list[tuple[str, PackLimits]] = [
    ("bytes", PackLimits(max_pack_bytes=100)),
    ("objects", PackLimits(max_objects=1)),
    ("one object", PackLimits(max_object_bytes=1000)),
    ("all objects", PackLimits(max_inflated_bytes=1000)),
    ("entries", PackLimits(tree=TreeLimits(max_changed_entries=1))),
    ("changed bytes", PackLimits(tree=TreeLimits(max_changed_bytes=1000))),
    ("time", PackLimits(timeout=timedelta(microseconds=1))),
]


@pytest.mark.parametrize("limits", [each for _, each in LIMITS], ids=[name for name, _ in LIMITS])
async def test_a_result_over_a_limit_is_rejected(
    mirror: Mirror, origin: Upstream, tmp_path: Path, limits: PackLimits
) -> None:
    tree = origin.files(a="x" * 2000, d="y", e="z" * 100)
    pack = origin.pack(tree, destination=tmp_path / "result.pack")

    with pytest.raises(JobFailed, match="TOO_LARGE") as caught:
        await take(mirror, pack, tree, origin.head(), limits)

    assert caught.value.failure.reason is Reason.RESULT_REJECTED


def delta_bomb() -> bytes:
    """A small base, then a delta that says its result has 10 GB."""
    base = b"x" * 100
    claim, size = bytearray(), 10 * 1000**3
    while size > 0x7F:
        claim.append(size & 0x7F | 0x80)
        size >>= 7
    claim.append(size)
    delta = bytes([100]) + bytes(claim) + b"\x90\x64" * 50
    blob = hashlib.sha1(b"blob 100\0" + base).digest()
    return crafted(
        encoded(3, len(base), zlib.compress(base)),
        encoded(7, len(delta), blob + zlib.compress(delta)),
    )


def inflation_bomb() -> bytes:
    """A blob of 100 MB of zeros in 100 KB."""
    squeeze = zlib.compressobj(9)
    block = bytes(1024 * 1024)
    body = b"".join(squeeze.compress(block) for _ in range(100)) + squeeze.flush()
    return crafted(encoded(3, 100 * 1024 * 1024, body))


@pytest.mark.parametrize("bomb", [delta_bomb, inflation_bomb])
async def test_a_bomb_does_not_go_off(
    mirror: Mirror, origin: Upstream, tmp_path: Path, bomb: Callable[[], bytes]
) -> None:
    pack = tmp_path / "bomb.pack"
    pack.write_bytes(bomb())
    limits = PackLimits(max_object_bytes=64 * 1024**2, max_memory_bytes=512 * 1024**2)

    with pytest.raises(JobFailed) as caught:
        await take(mirror, pack, "1" * 40, origin.head(), limits)

    assert caught.value.failure.reason in {Reason.RESULT_REJECTED, Reason.RESULT_CORRUPT}
    assert list((mirror.git_dir / "scratch").iterdir()) == []


def test_the_longest_chain_is_found() -> None:
    assert longest_chain({}) == 0
    assert longest_chain({f"{n}": f"{n - 1}" for n in range(5000, 0, -1)}) == 5000
    assert longest_chain({"a": "z", "b": "a", "c": "a", "d": "c"}) == 3


async def test_a_process_killed_before_the_objects_moved_leaves_only_scratch(
    mirror: Mirror, origin: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tree = origin.head(), origin.files(a="other\n")
    pack = origin.pack(tree, f"^{base}", destination=tmp_path / "result.pack")
    program = f"""
import asyncio, os, pathlib, signal
from services.orchestrator.source import pack
from tests.orchestrator.source.repositories import mirrors
from tests.orchestrator.source.test_pack import take

async def main():
    mirror = await mirrors(pathlib.Path({str(mirror.git_dir.parent)!r})).open({str(origin.path)!r})
    await take(mirror, pathlib.Path({str(pack)!r}), {tree!r}, {base!r})

pack.migrate = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    before = everything(mirror)

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=Path(__file__).parents[3]
    )

    assert await child.wait() == -signal.SIGKILL
    assert everything(mirror) == before
    later = time.time() + 1000
    monkeypatch.setattr(time, "time", lambda: later)
    assert sweep(mirror.git_dir / "scratch") == 1
    assert (await take(mirror, pack, tree, base)).changed
