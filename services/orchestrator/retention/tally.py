"""Counts what a round removes, by kind."""

from dataclasses import dataclass, field

from pawl.storage import Removed


@dataclass(slots=True)
class Tally:
    """What was removed so far."""

    _counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, kind: str, count: int = 1, size_bytes: int = 0) -> None:
        """So many more have gone."""
        if count:
            had, bytes_had = self._counts.get(kind, (0, 0))
            self._counts[kind] = (had + count, bytes_had + size_bytes)

    @property
    def removed(self) -> tuple[Removed, ...]:
        """By kind."""
        return tuple(
            Removed(kind=kind, count=count, size_bytes=size_bytes)
            for kind, (count, size_bytes) in sorted(self._counts.items())
        )
