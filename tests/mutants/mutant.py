"""What one mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A piece of code, what stands there instead, and the tests that have to notice."""

    name: str
    path: str
    old: str
    """Stands exactly once in the file."""
    new: str
    tests: tuple[str, ...]
