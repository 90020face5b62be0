"""What changed between two commits, as a patch any git can apply."""

from pathlib import Path

from services.orchestrator.source.git import OBJECT_ID
from services.orchestrator.source.mirror import Mirror


async def diff(mirror: Mirror, before: str, after: str, destination: Path) -> Path | None:
    """Writes the patch from `before` to `after` (commits or trees) to `destination`.

    Binary-safe with full ids, renames as deletion plus addition. None, with nothing written,
    where there is no difference.
    """
    if not OBJECT_ID.fullmatch(before) or not OBJECT_ID.fullmatch(after):
        raise ValueError("a patch needs full ids")
    await mirror.run(
        "diff-tree",
        "--patch",
        "--binary",
        "--full-index",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-indent-heuristic",
        "--diff-algorithm=myers",
        "--unified=3",
        "--inter-hunk-context=0",
        "--submodule=short",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        before,
        after,
        stdout=destination,
    )
    if destination.stat().st_size:
        return destination
    destination.unlink()
    return None
