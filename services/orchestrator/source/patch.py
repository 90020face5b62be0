"""What changed between two commits, as a patch any git can apply."""

from pathlib import Path

from services.orchestrator.source.mirror import Mirror


async def diff(mirror: Mirror, before: str, after: str, destination: Path) -> Path | None:
    """Writes the patch from `before` to `after` (commits or trees) to `destination`.

    Binary-safe with full ids, renames as deletion plus addition. None, with nothing written,
    where there is no difference.
    """
    raise NotImplementedError
