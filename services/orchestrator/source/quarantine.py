"""The place where a runner's pack is read before the mirror can see any of it."""

import asyncio
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.orchestrator.source.git import GitFailed, GitTimedOut
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.objects import reading
from services.orchestrator.source.treecheck import TreeLimits, check, corrupt, rejected

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


async def index(mirror: Mirror, pack: Path, quarantine: Path, limits: PackLimits) -> None:
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


async def judge_objects(
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


async def judge_tree(
    mirror: Mirror, quarantine: Path | None, base: str, tree: str, limits: PackLimits
) -> None:
    """Walks the result, whose objects lie in `quarantine` or, where that is None, the mirror."""
    environment = _visible_to(mirror, quarantine) if quarantine else {}
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


def migrate(quarantine: Path, objects: Path) -> None:
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


def _cause(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
    return (lines or ["git said nothing"])[0][:300]
