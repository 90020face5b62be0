"""Counts the messages inside of a message before anybody parses it."""

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor

MOST = 65_536
"""Messages one request may hold: a payload of 5,000 values has at most 15,001, and the service
that knows its rules can say better what is wrong with one of a few more.

An entry of a map, a value and the list or object in it are a message each. An empty one
takes two bytes of a request and, parsed, up to forty of memory.
"""


class Table(dict[int, "Table"]):
    """What a message type may hold: tag of a field to the message type behind it."""


def table(descriptor: Descriptor) -> Table:
    """The table of a message type and, by reference, of all that it leads to."""
    return _table(descriptor, {})


def too_many(raw: bytes, root: Table, most: int = MOST) -> bool:
    """Whether parsing `raw` would make more than `most` messages.

    It looks at no more of them than that. Bytes that are no message count up to where they
    stop to be one; the parser is left to complain.
    """
    if len(raw) <= 2 * most or _bound(raw, root) <= most:
        return False
    try:
        return _count(raw, root, most) > most
    except IndexError:
        return False


def _table(descriptor: Descriptor, known: dict[str, Table]) -> Table:
    if descriptor.full_name not in known:
        made = known[descriptor.full_name] = Table()
        for field in descriptor.fields:
            if field.message_type is not None:
                made[field.number << 3 | 2] = _table(field.message_type, known)
    return known[descriptor.full_name]


def _bound(raw: bytes, root: Table) -> int:
    """How many messages there can be at most, found at 600 MB/s: each begins with a tag."""
    tags = {tag for part in _reached(root) for tag in part}
    if any(tag > 127 for tag in tags):
        return len(raw)
    # A tag may be written longer than it needs to be; its first byte is then this.
    return sum(raw.count(tag) + raw.count(tag | 128) for tag in tags)


def _reached(root: Table) -> Iterable[Table]:
    found = {id(root): root}
    waiting = [root]
    while waiting:
        for inner in waiting.pop().values():
            if id(inner) not in found:
                found[id(inner)] = inner
                waiting.append(inner)
    return found.values()


def _count(raw: bytes, part: Table, most: int) -> int:
    seen, at, end = 0, 0, len(raw)
    outside: list[tuple[Table, int]] = []
    while seen <= most:
        if at >= end:
            if not outside:
                break
            part, end = outside.pop()
            continue
        tag = raw[at]
        at += 1
        if tag > 127:
            tag, at = _varint(raw, at - 1)
        kind = tag & 7
        if kind == _SIZED:
            size = raw[at]
            at += 1
            if size > 127:
                size, at = _varint(raw, at - 1)
            inner = part.get(tag)
            if inner is None:
                at += size
                continue
            seen += 1
            if size:
                outside.append((part, end))
                part, end = inner, at + size
        elif kind == _VARINT:
            _, at = _varint(raw, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        elif kind not in _GROUP:
            break
    return seen


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise IndexError("a number of more than ten bytes")


_VARINT, _SIZED = 0, 2
_FIXED = {1: 8, 5: 4}
# The fields of a group count as if they stood outside of it: too many at worst.
_GROUP = (3, 4)
