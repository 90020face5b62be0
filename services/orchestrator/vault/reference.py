"""Where a secret is, as a task names it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SHAPE = re.compile(
    r"vault://(?P<path>[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+)#(?P<field>[A-Za-z0-9._-]+)"
)
LONGEST = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One field of one secret; the mount is told from the path by who knows the mounts."""

    text: str
    path: tuple[str, ...]
    field: str

    def below(self, mounts: Sequence[str]) -> tuple[str, str] | None:
        """The mount, of those given the longest that fits, and the secret's path in it."""
        for length in range(len(self.path) - 1, 0, -1):
            mount = "/".join(self.path[:length])
            if mount in mounts:
                return mount, "/".join(self.path[length:])
        return None


def parse(text: str) -> Reference | None:
    """What ``vault://mount/path#field`` names; None for what has another form."""
    match = SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        return None
    path = tuple(match["path"].split("/"))
    if {".", ".."} & set(path):
        return None
    return Reference(text=text, path=path, field=match["field"])
