"""Finds the line of a file on which a field of a payload stands."""

import functools
import io
import json
import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pawl.cli.payload import Given

LIMIT = 128 * 1024
"""Characters of a text worth a second reading, which takes up to a second for these."""

_PART = re.compile(r'\.?([A-Za-z0-9_-]{1,64})|\[([0-9]{1,6})\]|\[("(?:[^"\\]|\\.)*")\]')
_LONGEST_KEY = 40
"""Characters a path shows of a key; a longer one may be cut here."""


class Places:
    """Says where the fields of one payload were written down."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def place(self, field: str) -> str:
        """``task.yaml:12``; nothing where that is not known.

        A field that is missing has the place of what should hold it.
        """
        line = self._line(field)
        return "" if line is None else f"{self._given.name}:{line}"

    def _line(self, field: str) -> int | None:
        root = self._root
        # A path that was cut short may end in the name of another field.
        if root is None or field.endswith("..."):
            return None
        index = None
        node: Node | None = root
        for part in _parts(field):
            found = _inside(node, part)
            if found is None:
                break
            index, node = found
        return None if index is None else self._given.text.count("\n", 0, index) + 1

    @functools.cached_property
    def _root(self) -> Node | None:
        # Nobody is helped by hearing that everything stands on the one line there is.
        if len(self._given.text) > LIMIT or "\n" not in self._given.text.strip():
            return None
        try:
            root = YAML(typ="safe", pure=True).compose(io.StringIO(self._given.text))
        except (YAMLError, ValueError, RecursionError):
            # It was JSON, which has a few things that YAML lacks, such as tabs.
            return None
        return root if isinstance(root, Node) else None


def _parts(field: str) -> Iterator[str | int]:
    position = 0
    while part := _PART.match(field, position):
        position = part.end()
        if part[1] is not None:
            yield part[1]
        elif part[2] is not None:
            yield int(part[2])
        else:
            key = json.loads(part[3])
            if len(key) >= _LONGEST_KEY:
                return
            yield key


def _inside(node: Node | None, part: str | int) -> tuple[int, Node] | None:
    """Where an element starts, and the element."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == part:
                return key.start_mark.index, value
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        element = node.value[part]
        return element.start_mark.index, element
    return None
