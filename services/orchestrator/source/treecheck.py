"""The judgement of a tree that came from a runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """How much a result may add to its base."""

    max_changed_entries: int = 200_000
    max_changed_bytes: int = 2 * 1024**3
    max_name_bytes: int = 255
    max_path_bytes: int = 4096
    max_depth: int = 128


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    kind: str
    size_bytes: int


class Objects(Protocol):
    """Where trees are read from."""

    async def infos(self, ids: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """Kind and size of each, None for what is missing; in the order asked."""

    async def content(self, object_id: str, *, limit_bytes: int) -> bytes:
        """The bytes of one object that is known to exist and to be no larger."""


async def check(objects: Objects, *, base: str, tree: str, limits: TreeLimits) -> None:
    """Judges every entry of `tree` that is not in `base` with the same path, mode, id.

    Raises `JobFailed` with RESULT_REJECTED, naming the entry, or RESULT_CORRUPT where an object
    is missing.
    """
    raise NotImplementedError
