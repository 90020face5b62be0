"""The kinds of fields that are made of fields: how each is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from services.contract import text as texts
from services.contract.lists import Arguments, Free, Variables, Words, items
from services.contract.reading import Reading, wrong_type
from services.contract.report import Path
from services.contract.scalars import Flag, Number, Text
from services.contract.values import Json, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of objects of one kind."""

    about: str
    item: "Part"
    most: int
    code: str = "SIZE"
    """Of the violation where there are more."""
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = []

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """Every element, read."""
        read: list[Json] = []
        for where, item in items(value, path, reading, most=self.most, code=self.code):
            if item is None:
                # Null is absent only where there is a name that can be left out.
                wrong_type(reading.report, where, "an object", item)
            else:
                read.append(self.item.read(item, where, reading))
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An object with known fields."""

    about: str
    fields: Mapping[str, "Kind"]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other spellings that are taken, each with the field it stands for."""
    closed: Mapping[str, tuple[str, str]] | None = None
    """Code and sentences of fields that may not be here, "" for all others; None keeps them."""
    stand_in: Json = None
    """What an absent one is; None where it is then read as empty."""
    omitted: bool = False
    """Whether an absent one stays null."""
    sparse: bool = False
    """Whether absent fields are left out, but for flags."""
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = None
    _rows: "tuple[tuple[str, Kind, bool, bool], ...]" = field(init=False)
    """Each field with whether its origin is told as one, and whether absence needs no reading."""

    _blank: "dict[str, Json] | None" = field(init=False)
    """What an absent one reads as, where that is always the same; nobody writes into it."""

    def __post_init__(self) -> None:
        """Sorts the fields by what reading them takes."""
        rows = tuple(
            (name, kind, not _has_parts(kind), self._scalar(kind))
            for name, kind in self.fields.items()
        )
        object.__setattr__(self, "_rows", rows)
        blank = None
        if self.stand_in is not None or all(scalar for *_, scalar in rows):
            read = self.read(self.stand_in or {}, (), Reading())
            blank = read if isinstance(read, dict) else None
        object.__setattr__(self, "_blank", blank)

    def _scalar(self, kind: "Kind") -> bool:
        if isinstance(kind, Text):
            return kind.required is None and not self.sparse
        return isinstance(kind, Flag) or (isinstance(kind, Number) and not self.sparse)

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The object with its defaults filled in."""
        if value is None:
            return None if self.omitted else self._absent(path, reading)
        if not isinstance(value, dict):
            wrong_type(reading.report, path, "an object", value)
            return self.read({}, path, Reading())
        if self.aliases and not self.aliases.keys().isdisjoint(value):
            value = self._renamed(value, path, reading)
        read: dict[str, Json] = {}
        origins = reading.origins
        for name, kind, simple, scalar in self._rows:
            given = value.get(name)
            if given is not None:
                where = (*path, name)
                result = kind.read(given, reading.given(where), reading)
                if result is None and self.sparse:
                    continue  # What is blank is absent.
                read[name] = result
                if simple or not result:
                    origins[where] = _origin(given, result)
            elif scalar:
                read[name] = kind.default
                origins[*path, name] = Origin.DEFAULTED
            elif not self.sparse:
                where = (*path, name)
                read[name] = result = kind.read(None, where, reading)
                if simple or not result:
                    origins[where] = Origin.DEFAULTED
        if len(value) > len(self.fields) or not value.keys() <= self.fields.keys():
            self._unknown(value, read, path, reading)
        return read

    def _absent(self, path: Path, reading: Reading) -> Json:
        if self._blank is None:
            return self.read({}, path, reading)
        origins = reading.origins
        for name in self._blank:
            origins[*path, name] = Origin.DEFAULTED
        return {**self._blank}

    def _renamed(self, value: dict[str, Json], path: Path, reading: Reading) -> dict[str, Json]:
        """The object with its aliases spelled as they should be."""
        renamed = dict(value)
        for alias, name in self.aliases.items():
            given = renamed.pop(alias, None)
            if _blank(given):
                continue
            where, named = (*path, alias), (*path, name)
            reading.report.warn(where, "ALIAS", f"It is another spelling of {name}. Write {name}.")
            kind, there = self.fields[name], renamed.get(name)
            if _blank(there):
                renamed[name] = given
                reading.aliases[named] = where
            elif kind.read(given, where, reading) != kind.read(
                there, (), Reading()
            ) and not reading.report.faulty(where):
                reading.report.refuse(
                    where,
                    "ALIAS_CONFLICT",
                    f"It is another spelling of {name} and says something else. Remove it.",
                )
        return renamed

    def _unknown(
        self, value: Mapping[str, Json], read: dict[str, Json], path: Path, reading: Reading
    ) -> None:
        for name in sorted(value.keys() - self.fields.keys()):
            if self.closed is None:
                reading.unknown((*path, name), self.fields)
                read[name] = value[name]
            else:
                code, sentences = self.closed.get(name) or self.closed[""]
                reading.report.refuse((*path, name), code, sentences.format(name=name))


Kind: TypeAlias = Text | Number | Flag | Free | Words | Arguments | Variables | Listing | Part


def _has_parts(kind: Kind) -> bool:
    """Whether it consists of fields that tell their own origins."""
    return isinstance(kind, Part | Listing)


def _blank(value: Json) -> bool:
    return value is None or (isinstance(value, str) and texts.tidied(value) is None)


def _origin(given: Json, result: Json) -> Origin:
    if given is None or result is None:
        return Origin.DEFAULTED
    return Origin.EXPLICIT if given == result else Origin.DERIVED
