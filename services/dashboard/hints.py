"""What the contract's schema tells people about each field of a payload."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hint:
    """What a field is for, and what happens where it stays empty."""

    about: str = ""
    default: str = ""
    example: str = ""

    @property
    def placeholder(self) -> str:
        """What an empty field shows."""
        return self.default or (f"such as {self.example}" if self.example else "")


Hints = Mapping[str, Hint]
"""By path; those of steps below `task.steps[]`."""


def hints_of(schema: str) -> Hints:
    """Those of every field that a schema describes."""
    return dict(_below(json.loads(schema), ""))


def _below(described: Mapping[str, Any], path: str) -> Iterator[tuple[str, Hint]]:
    for name, field in described.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        example = next(iter(field.get("examples", ())), None)
        yield (
            where,
            Hint(field.get("description", ""), _shown(field.get("default")), _shown(example)),
        )
        yield from _below(field, where)
        yield from _below(field.get("items", {}), f"{where}[]")


def _shown(value: object) -> str:
    # An empty list or object is nothing that somebody would write there.
    if value in (None, [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
