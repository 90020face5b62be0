"""Objects on their way to a runner, objects on their way back."""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.orchestrator.source.git import GitFailed, GitTimedOut
from services.orchestrator.source.mirror import OBJECT_ID, Mirror
from services.orchestrator.source.objects import reading
from services.orchestrator.source.treecheck import TreeLimits, check, corrupt, rejected

CHUNK_BYTES = 64 * 1024
PACK_HEADER_BYTES, PACK_TRAILER_BYTES = 12, 20
MAX_HAVES = 1_000

# Our own walk judges these, and only where the result differs from its base: as errors they
# would refuse a directory for what the repository itself had in it before.
JUDGED_BY_THE_WALK = (
    "emptyName", "fullPathname", "hasDot", "hasDotdot", "hasDotgit", "nullSha1",
    "zeroPaddedFilemode", "gitmodulesBlob", "gitmodulesLarge", "gitmodulesMissing",
    "gitmodulesName", "gitmodulesParse", "gitmodulesPath", "gitmodulesSymlink", "gitmodulesUpdate",
    "gitmodulesUrl", "gitattributesBlob", "gitattributesLarge", "gitattributesLineLength",
    "gitattributesMissing",
)  # fmt: skip
REFUSED = re.compile(
    r"fsck error|error in object|object of unexpected type|invalid (tree|blob)", re.IGNORECASE
)
OVERSIZED = re.compile(
    r"exceeds maximum allowed size|out of memory|cannot allocate|memory exhausted|mmap failed"
    r"|died of signal|too large",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A thin pack on disk, ready to be streamed."""

    path: Path
    size_bytes: int
    sha256: str
    object_count: int
    """Zero where the receiver has everything."""

    async def chunks(self, offset: int = 0) -> AsyncIterator[bytes]:
        """The pack's bytes from `offset`, at most 64 KiB at a time."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
                offset += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)


@asynccontextmanager
async def send(
    mirror: Mirror, *, want: Sequence[str], have: Sequence[str]
) -> AsyncIterator[Outgoing]:
    """Packs what `want` needs beyond `have`; the file is gone at the end of the block.

    Both name commits by full hex. `have` is the receiver's word: ids that the mirror does not
    hold, or that are no ids at all, are ignored.
    """
    claimed = list(dict.fromkeys(each for each in have if OBJECT_ID.fullmatch(each)))[:MAX_HAVES]
    async with reading(mirror.git, mirror.git_dir) as objects:
        infos = await objects.infos(claimed)
    held = [
        each
        for each, info in zip(claimed, infos, strict=True)
        if info is not None and info.kind == "commit"
    ]
    revisions = "".join([f"{each}\n" for each in want] + [f"^{each}\n" for each in held])
    with mirror.scratch() as folder:
        path = folder / "outgoing.pack"
        # `--delta-base-offset` is safe: every git that can check a workspace out reads it.
        await mirror.run(
            "pack-objects",
            "--revs",
            "--thin",
            "--stdout",
            "--delta-base-offset",
            "--quiet",
            stdin=revisions.encode(),
            stdout=path,
        )
        size_bytes, sha256, header = await asyncio.to_thread(_measure, path)
        yield Outgoing(
            path=path,
            size_bytes=size_bytes,
            sha256=sha256,
            object_count=int.from_bytes(header[8:12], "big"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackLimits:
    """What a returning pack may cost."""

    max_pack_bytes: int = 2 * 1024**3
    max_objects: int = 1_000_000
    max_object_bytes: int = 512 * 1024**2
    max_inflated_bytes: int = 8 * 1024**3
    max_delta_depth: int = 512
    max_memory_bytes: int = 4 * 1024**3
    max_file_bytes: int = 8 * 1024**3
    timeout: timedelta = timedelta(seconds=120)
    tree: TreeLimits = field(default_factory=TreeLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A tree that passed every check; its objects are in the mirror."""

    tree: str
    changed: bool
    """The tree is not the base's."""


async def receive(
    mirror: Mirror,
    pack: Path | None,
    *,
    size_bytes: int,
    sha256: str,
    tree: str,
    base: str,
    limits: PackLimits | None = None,
) -> Received:
    """Takes `tree` from a runner's `pack` into the mirror, or nothing of it.

    `size_bytes` and `sha256` are what the runner announced, `base` is the job's base commit;
    `pack` is None where the runner says that the mirror has every object already. No ref is
    moved. Repeating the call gives the same. Raises `JobFailed` with RESULT_CORRUPT (not the
    announced bytes, or damaged: asking again may help) or RESULT_REJECTED (whole, and not
    acceptable), STORAGE_FULL.
    """
    limits = limits or PackLimits()
    if not OBJECT_ID.fullmatch(tree):
        raise rejected("TREE", "The runner named a result that is no tree id.")
    base_tree = await mirror.tree_of(base)
    objects = 0 if pack is None else await _inspect(pack, size_bytes, sha256, limits)
    if pack is None or objects == 0:
        async with reading(mirror.git, mirror.git_dir, timeout=limits.timeout) as reader:
            await check(reader, base=base_tree, tree=tree, limits=limits.tree)
    else:
        with mirror.scratch() as folder:
            quarantine = folder / "objects"
            await _index(mirror, pack, quarantine, limits)
            await _judge_objects(mirror, quarantine, folder / "listing", limits)
            await _judge_tree(mirror, quarantine, base_tree, tree, limits)
            await asyncio.to_thread(_migrate, quarantine, mirror.git_dir / "objects")
    return Received(tree=tree, changed=tree != base_tree)


async def _inspect(pack: Path, size_bytes: int, sha256: str, limits: PackLimits) -> int:
    """Compares the pack with its announcement before git reads a byte; returns its objects."""
    if size_bytes > limits.max_pack_bytes:
        raise rejected(
            "TOO_LARGE",
            f"The result's pack has {size_bytes} bytes; the limit is {limits.max_pack_bytes}.",
        )
    if pack.stat().st_size != size_bytes:
        raise corrupt(
            f"The runner announced a pack of {size_bytes} bytes and sent {pack.stat().st_size}."
        )
    _, digest, header = await asyncio.to_thread(_measure, pack)
    if digest != sha256.lower():
        raise corrupt("The pack that arrived does not have the digest the runner announced.")
    if len(header) < PACK_HEADER_BYTES or not header.startswith(b"PACK"):
        raise corrupt("What the runner sent is no pack.")
    objects = int.from_bytes(header[8:12], "big")
    if objects > limits.max_objects:
        raise rejected(
            "TOO_LARGE",
            f"The result's pack holds {objects} objects; the limit is {limits.max_objects}.",
        )
    if objects == 0 and size_bytes != PACK_HEADER_BYTES + PACK_TRAILER_BYTES:
        raise corrupt("The runner sent a pack that says it is empty, and is not.")
    return objects


async def _index(mirror: Mirror, pack: Path, quarantine: Path, limits: PackLimits) -> None:
    """Has git read and check the pack, where the mirror cannot see what comes of it."""
    (quarantine / "pack").mkdir(parents=True)
    strict = ",".join(f"{each}=warn" for each in JUDGED_BY_THE_WALK)
    prlimit = shutil.which("prlimit", path=mirror.git.path)
    bounds = [
        f"--as={limits.max_memory_bytes}",
        f"--fsize={limits.max_file_bytes}",
        f"--cpu={int(limits.timeout.total_seconds()) + 1}",
        "--core=0",
    ]
    try:
        await mirror.git.run(
            "index-pack",
            "--stdin",
            "--fix-thin",
            f"--strict={strict}",
            f"--max-input-size={limits.max_pack_bytes}",
            "--threads=1",
            git_dir=mirror.git_dir,
            environment=_visible_to(mirror, quarantine),
            stdin=pack,
            timeout=limits.timeout,
            prefix=[prlimit, *bounds] if prlimit else [],
        )
    except GitTimedOut:
        seconds = limits.timeout.total_seconds()
        raise rejected("TOO_LARGE", f"Reading the result's pack took over {seconds:g} s.") from None
    except GitFailed as problem:
        said = problem.completed.stderr
        if REFUSED.search(said):
            raise rejected(
                "OBJECT", f"git refuses an object of the result: {_cause(said)}"
            ) from None
        if problem.completed.code < 0 or OVERSIZED.search(said):
            raise rejected(
                "TOO_LARGE", "Reading the result's pack costs more memory or disk than it may."
            ) from None
        raise corrupt(f"The result's pack is damaged: {_cause(said)}") from None


async def _judge_objects(
    mirror: Mirror, quarantine: Path, listing: Path, limits: PackLimits
) -> None:
    """Looks at every object that arrived, reachable or not."""
    await mirror.git.run(
        "cat-file",
        "--batch-all-objects",
        "--unordered",
        "--batch-check=%(objectname) %(objecttype) %(objectsize) %(deltabase)",
        git_dir=mirror.git_dir,
        environment={"GIT_OBJECT_DIRECTORY": str(quarantine)},
        stdout=listing,
        timeout=limits.timeout,
    )
    await asyncio.to_thread(_judge_listing, listing, limits)


def _judge_listing(listing: Path, limits: PackLimits) -> None:
    total = 0
    bases: dict[str, str] = {}
    with listing.open(encoding="ascii") as lines:
        for line in lines:
            name, kind, size, delta_base = line.split()
            if kind not in {"blob", "tree"}:
                raise rejected("OBJECT", f"The result's pack holds a {kind}.")
            total += int(size)
            if int(size) > limits.max_object_bytes:
                raise rejected(
                    "TOO_LARGE",
                    f"The result holds a file of {size} bytes; "
                    f"the limit is {limits.max_object_bytes}.",
                )
            if delta_base.strip("0"):
                bases[name] = delta_base
    if total > limits.max_inflated_bytes:
        raise rejected(
            "TOO_LARGE",
            f"The result's objects have {total} bytes; the limit is {limits.max_inflated_bytes}.",
        )
    if longest_chain(bases) > limits.max_delta_depth:
        raise rejected(
            "TOO_LARGE",
            f"The result's pack chains more than {limits.max_delta_depth} deltas.",
        )


def longest_chain(bases: dict[str, str]) -> int:
    """The number of deltas that the deepest object rests on; `bases` has no cycle."""
    depths: dict[str, int] = {}
    for start in bases:
        chain = []
        name = start
        while name in bases and name not in depths:
            chain.append(name)
            name = bases[name]
        depth = depths.get(name, 0)
        for each in reversed(chain):
            depth += 1
            depths[each] = depth
    return max(depths.values(), default=0)


async def _judge_tree(
    mirror: Mirror, quarantine: Path, base: str, tree: str, limits: PackLimits
) -> None:
    environment = _visible_to(mirror, quarantine)
    try:
        async with reading(
            mirror.git, mirror.git_dir, environment, timeout=limits.timeout
        ) as reader:
            await check(reader, base=base, tree=tree, limits=limits.tree)
    except GitTimedOut:
        seconds = limits.timeout.total_seconds()
        raise rejected("TOO_LARGE", f"Judging the result took over {seconds:g} s.") from None


def _visible_to(mirror: Mirror, quarantine: Path) -> dict[str, str]:
    """Writes go to the quarantine, reads reach the mirror too."""
    quoted = str(mirror.git_dir / "objects").replace("\\", "\\\\").replace('"', '\\"')
    return {
        "GIT_OBJECT_DIRECTORY": str(quarantine),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"',
    }


def _migrate(quarantine: Path, objects: Path) -> None:
    """Moves the pack in, its index last: git sees a pack once it sees the index."""
    destination = objects / "pack"
    found = sorted((quarantine / "pack").glob("pack-*"), key=lambda file: file.suffix == ".idx")
    for file in found:
        if file.suffix in {".pack", ".rev", ".idx"}:
            file.replace(destination / file.name)
    descriptor = os.open(destination, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _measure(path: Path) -> tuple[int, str, bytes]:
    with path.open("rb") as file:
        header = file.read(PACK_HEADER_BYTES)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest(), header


def _cause(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
    return (lines or ["git said nothing"])[0][:300]
