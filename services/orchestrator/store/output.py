"""Where the output of an attempt is: in segments while it runs, then in its log.

An attempt's `.log` holds the bytes of both streams in the order they arrived. A
stretch says which bytes of it are which bytes of which stream, and stays when the
segments are gone, so that each stream can still be read by its own offsets.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.job import Segment, Stream
from services.orchestrator.jobs.reading import Stretch
from services.orchestrator.store import rows, tables

segment = tables.segment
stretch = tables.stretch

# Built once: to build a statement anew costs more than to execute it, and output comes
# many times a second from every running step, and goes as often to everyone who watches.
_NEWEST = (
    sa.select(stretch)
    .where(
        stretch.c.job_id == sa.bindparam("job"),
        stretch.c.step_index == sa.bindparam("step"),
        stretch.c.attempt == sa.bindparam("of"),
    )
    .order_by(stretch.c.position.desc())
    .limit(2)
)
"""Neighbours are never of one stream, so the newest two have the ends of both."""
_LENGTHEN = (
    sa.update(stretch)
    .where(
        stretch.c.job_id == sa.bindparam("job"),
        stretch.c.step_index == sa.bindparam("step"),
        stretch.c.attempt == sa.bindparam("of"),
        stretch.c.position == sa.bindparam("at"),
    )
    .values(size=stretch.c.size + sa.bindparam("more"))
)
_SEGMENTS = (
    sa.select(segment)
    .where(
        segment.c.job_id == sa.bindparam("job"),
        segment.c.step_index == sa.bindparam("step"),
        segment.c.attempt == sa.bindparam("of"),
        segment.c.arrival > sa.bindparam("seen"),
    )
    .order_by(segment.c.arrival)
    .limit(sa.bindparam("most"))
)
_INSERT_SEGMENTS = sa.insert(segment)
_INSERT_STRETCHES = sa.insert(stretch)


def append(connection: sa.Connection, job_id: str, segments: Sequence[Segment]) -> None:
    """Stores segments; one that is there already is passed over.

    Raises ValueError where a stream would get a gap.
    """
    groups: dict[tuple[int, int], list[Segment]] = {}
    for one in segments:
        groups.setdefault((one.step_index, one.attempt), []).append(one)
    for (step_index, attempt), of_attempt in groups.items():
        where = {"job": job_id, "step": step_index, "of": attempt}
        _append(connection, where, of_attempt)


def _append(
    connection: sa.Connection, where: dict[str, Any], of_attempt: Sequence[Segment]
) -> None:
    newest = connection.execute(_NEWEST, where).mappings().all()
    ends = _ends(newest)
    last = newest[0] if newest else None
    position = last["position"] + last["size"] if last is not None else 0
    stream = last["stream"] if last is not None else None
    keys = {"job_id": where["job"], "step_index": where["step"], "attempt": where["of"]}
    more = 0
    segments: list[dict[str, Any]] = []
    stretches: list[dict[str, Any]] = []
    for one in of_attempt:
        end = ends.get(one.stream, 0)
        if one.offset + one.size <= end:
            continue
        if one.offset != end:
            raise ValueError(
                f"{one.stream} of step {one.step_index} has {end} bytes; "
                f"a segment began at {one.offset}"
            )
        ends[one.stream] = end + one.size
        piece = {**keys, "stream": one.stream, "stream_offset": one.offset, "size": one.size}
        segments.append({**piece, "arrival": one.order, "key": one.key})
        if one.stream != stream:
            stretches.append({**piece, "position": position})
            stream = one.stream
        elif stretches:
            stretches[-1]["size"] += one.size
        else:
            more += one.size
        position += one.size
    if segments:
        connection.execute(_INSERT_SEGMENTS, segments)
    if last is not None and more:
        connection.execute(_LENGTHEN, {**where, "at": last["position"], "more": more})
    if stretches:
        connection.execute(_INSERT_STRETCHES, stretches)


def merge(connection: sa.Connection, job_id: str, merged: Segment, *, first_order: int) -> None:
    """Puts one segment in the place of those from `first_order` to its own order.

    Raises ValueError where it does not hold exactly their bytes.
    """
    replaced = (
        segment.c.job_id == job_id,
        segment.c.step_index == merged.step_index,
        segment.c.attempt == merged.attempt,
        segment.c.arrival.between(first_order, merged.order),
    )
    of_stream = sa.select(sa.func.min(segment.c.stream), sa.func.max(segment.c.stream)).where(
        *replaced
    )
    extent = sa.select(sa.func.min(segment.c.stream_offset), sa.func.sum(segment.c.size))
    streams = tuple(connection.execute(of_stream).one())
    found = tuple(connection.execute(extent.where(*replaced)).one())
    if streams != (merged.stream, merged.stream) or found != (merged.offset, merged.size):
        raise ValueError(
            f"segments {first_order} to {merged.order} of step {merged.step_index} hold other "
            "bytes than the one that was to replace them"
        )
    connection.execute(sa.delete(segment).where(*replaced))
    connection.execute(
        _INSERT_SEGMENTS,
        {
            "job_id": job_id,
            "step_index": merged.step_index,
            "attempt": merged.attempt,
            "stream": merged.stream,
            "stream_offset": merged.offset,
            "size": merged.size,
            "arrival": merged.order,
            "key": merged.key,
        },
    )


def next_order(connection: sa.Connection, job_id: str, *, step_index: int, attempt: int) -> int:
    """The order of the next segment of an attempt."""
    newest = connection.scalar(
        sa.select(sa.func.max(segment.c.arrival)).where(
            segment.c.job_id == job_id,
            segment.c.step_index == step_index,
            segment.c.attempt == attempt,
        )
    )
    return 0 if newest is None else int(newest) + 1


def forget(connection: sa.Connection, job_id: str, *, step_index: int, attempt: int) -> None:
    """Removes an attempt's segments; its stretches stay."""
    connection.execute(
        sa.delete(segment).where(
            segment.c.job_id == job_id,
            segment.c.step_index == step_index,
            segment.c.attempt == attempt,
        )
    )


def unjoined(connection: sa.Connection, job_id: str, *, step_index: int) -> Sequence[int]:
    """The attempts of a step whose bytes are in segments, in order."""
    attempts = sa.select(segment.c.attempt).where(
        segment.c.job_id == job_id, segment.c.step_index == step_index
    )
    found: list[int] = list(connection.scalars(attempts.distinct().order_by(segment.c.attempt)))
    return found


def segments(
    connection: sa.Connection,
    job_id: str,
    *,
    step_index: int,
    attempt: int,
    after_order: int,
    limit: int,
) -> Sequence[Segment]:
    """Segments of an attempt in order of arrival."""
    where = {"job": job_id, "step": step_index, "of": attempt}
    found = connection.execute(_SEGMENTS, {**where, "seen": after_order, "most": limit})
    return [rows.segment(row) for row in found.mappings()]


def stretches(
    connection: sa.Connection,
    job_id: str,
    *,
    step_index: int,
    attempt: int,
    from_position: int,
    limit: int,
) -> Sequence[Stretch]:
    """Stretches of an attempt by position."""
    found = connection.execute(
        sa.select(stretch)
        .where(
            stretch.c.job_id == job_id,
            stretch.c.step_index == step_index,
            stretch.c.attempt == attempt,
            stretch.c.position >= from_position,
        )
        .order_by(stretch.c.position)
        .limit(limit)
    )
    return [
        Stretch(
            position=row["position"],
            stream=Stream(row["stream"]),
            offset=row["stream_offset"],
            size=row["size"],
        )
        for row in found.mappings()
    ]


def received(
    connection: sa.Connection, job_id: str, *, step_index: int, attempt: int
) -> dict[Stream, int]:
    """How many bytes of each stream of an attempt are stored."""
    where = {"job": job_id, "step": step_index, "of": attempt}
    return _ends(connection.execute(_NEWEST, where).mappings().all())


def _ends(newest: Sequence[rows.Row]) -> dict[Stream, int]:
    return {Stream(row["stream"]): row["stream_offset"] + row["size"] for row in newest}
