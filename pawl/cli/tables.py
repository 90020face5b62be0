"""Prints rows: a table on a terminal, tab-separated lines elsewhere."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pawl.cli.text import line


def put(
    columns: Sequence[str | Column], rows: Iterable[Sequence[str]], *, headed: bool = False
) -> None:
    """Writes rows to standard output; every cell is made safe, and one line.

    `headed` names the columns where there is no terminal, too.
    """
    # A column of rich's keeps the cells of the table it was part of.
    own = [Column(one) if isinstance(one, str) else one.copy() for one in columns]
    if not sys.stdout.isatty():
        if headed:
            sys.stdout.write("\t".join(str(column.header) for column in own) + "\n")
        for row in rows:
            sys.stdout.write("\t".join(map(line, row)) + "\n")
        return
    for column in own:
        column.overflow = "fold"
    table = Table(*own, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(line(cell)) for cell in row))
    Console(highlight=False).print(table)


def put_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Writes ``name  value`` lines, leaving out what has no value."""
    shown = [(name, line(value)) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def word(enum_name: str, prefix: str) -> str:
    """``JOB_STATE_DEAD_LETTER`` as people write it: ``dead letter``."""
    return enum_name.removeprefix(prefix).replace("_", " ").lower()


def moment(time: Timestamp) -> str:
    """A time as ISO 8601 in UTC, to the second; nothing where it is not set."""
    if not time.ByteSize():
        return ""
    return time.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(start: Timestamp, end: Timestamp) -> str:
    """How long it took; nothing unless both ends are known."""
    if not start.ByteSize() or not end.ByteSize():
        return ""
    return duration(end.ToSeconds() - start.ToSeconds())


def duration(seconds: float) -> str:
    """Seconds as people say them, such as ``2 m 05 s``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"
