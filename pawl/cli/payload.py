"""Reads a payload from YAML or JSON, bounded."""

import codecs
import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from pawl.cli.refusals import Unusable

LIMIT = 4 * 1024 * 1024
"""Bytes of a file: the service takes 1 MiB as JSON, and comments may add to that."""

TEXT = 1024 * 1024
"""Bytes that all keys and strings of a payload may hold: the service takes 1 MiB as JSON."""

NODES = 100_000
"""Values in a payload. Aliases can make a short file mean a great many."""

DEPTH = 64
"""How deep they may nest; protobuf itself stops at 100."""


class _PlainConstructor(SafeConstructor):
    """Reads ``2024-01-31`` as text, as JSON would."""


_PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


@dataclass(frozen=True, slots=True)
class Given:
    """A payload beside the text it was read from."""

    name: str
    """For people: the file's, or ``standard input``."""
    text: str
    value: dict[str, Any]


def read(source: str) -> Given:
    """The payload in the file called `source`, or on standard input for ``-``.

    Raises Unusable with a sentence that names the file and the remedy, with line and
    column where the text itself is at fault.
    """
    name = "standard input" if source == "-" else source
    return parsed(_decoded(_bytes(source), name), name)


def parsed(text: str, name: str) -> Given:
    """The payload that `text` holds, which came from the file called `name`.

    Raises Unusable as `read` does.
    """
    value = _json(text, name) if name.endswith(".json") else _either(text, name)
    return Given(name, text, checked(value, name))


def checked(value: object, name: str) -> dict[str, Any]:
    """`value`, if it is an object that can travel as a payload.

    Raises Unusable with a sentence that names the place in it.
    """
    if not isinstance(value, dict):
        raise Unusable(f"{name} holds no mapping: a payload starts with `repository` and `task`")
    _Checker(name).check(value, "", 0)
    return value


def _bytes(source: str) -> bytes:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LIMIT + 1)
    except OSError as error:
        raise Unusable(f"{source} cannot be read: {error.strerror}") from error
    if len(data) > LIMIT:
        raise Unusable(f"{source} has more than {LIMIT // 1024 // 1024} MiB; no payload needs that")
    return data


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        where = f"byte {error.start}, in {_where(before, len(before))}"
        raise Unusable(f"{name} is not UTF-8 ({where}); save it as UTF-8") from error


def _either(text: str, name: str) -> Any:
    """JSON is nearly YAML, but YAML takes no tabs, and reads long JSON slowly."""
    if text.lstrip()[:1] == "{":
        try:
            return _json(text, name)
        except _NotJson:
            return _yaml(text, name)
    return _yaml(text, name)


class _NotJson(Unusable):
    """The text is no JSON; it may still be YAML."""


def _json(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise Unusable(f"{name} has the key {twice!r} twice in one object; keep one")
        return mapping

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = _where(text, error.pos)
        raise _NotJson(f"{name} is not JSON: {error.msg} in {where}") from error
    except RecursionError:
        raise Unusable(f"{name} nests too deep") from None


def _yaml(text: str, name: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainConstructor
    yaml.allow_duplicate_keys = False
    try:
        return yaml.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in {_where(text, mark.index)}" if mark else ""
        problem = (error.problem or "it cannot be read").splitlines()[0]
        raise Unusable(f"{name} is not valid YAML: {problem}{where}") from error
    except ReaderError as error:
        found = f"the character U+{error.character:04X} in {_where(text, error.position)}"
        raise Unusable(f"{name} is not valid YAML: it holds {found}; remove it") from error
    except (YAMLError, ValueError) as error:
        raise Unusable(f"{name} is not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise Unusable(f"{name} nests too deep") from None


def _where(text: str, index: int) -> str:
    """Line and column of a character, as editors count them."""
    before = text[:index]
    return f"line {before.count(chr(10)) + 1}, column {index - before.rfind(chr(10))}"


class _Checker:
    """Lets through what JSON can say, within bounds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0
        self._size = 0

    def check(self, value: object, path: str, depth: int) -> None:
        self._nodes += 1
        if self._nodes > NODES:
            self._too_large(f"{NODES} values")
        if depth > DEPTH:
            self._refuse(path, f"is nested deeper than {DEPTH} levels")
        match value:
            case str():
                self._text(value, path)
            case dict():
                self._mapping(value, path, depth)
            case list():
                for index, inner in enumerate(value):
                    self.check(inner, f"{path}[{index}]", depth + 1)
            case None | bool() | int() | float():
                self._scalar(value, path)
            case _:
                kind = type(value).__name__
                self._refuse(path, f"is a {kind}, which JSON lacks; put it in quotes")

    def _mapping(self, value: dict[object, object], path: str, depth: int) -> None:
        for key, inner in value.items():
            if not isinstance(key, str):
                self._refuse(path, f"has a key that is not text: put {key!r} in quotes")
            self._text(key, path)
            self.check(inner, f"{path}.{key}" if path else key, depth + 1)

    def _scalar(self, value: float | None, path: str) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(path, "is not a finite number")
        # Every number travels as a double.
        if isinstance(value, int) and abs(value) > 2**53:
            self._refuse(path, "is too large to travel exactly; put it in quotes")

    def _text(self, text: str, path: str) -> None:
        try:
            self._size += len(text.encode())
        except UnicodeEncodeError:
            self._refuse(path, "holds half of a surrogate pair; mend or remove that character")
        if self._size > TEXT:
            self._too_large(f"{TEXT // 1024 // 1024} MiB of text")

    def _too_large(self, limit: str) -> NoReturn:
        raise Unusable(
            f"{self._name} holds more than {limit} once its aliases are filled in; shorten it"
        )

    def _refuse(self, path: str, what: str) -> NoReturn:
        raise Unusable(f"{self._name}: {path or 'the payload'} {what}")
