"""Where the output of an attempt is: in segments while it runs, then in its log.

An attempt's `.log` holds the bytes of both streams in the order they arrived. A
stretch says which bytes of it are which bytes of which stream, and stays when the
segments are gone, so that each stream can still be read by its own offsets.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from services.orchestrator.jobs.job import Segment, Stream
from services.orchestrator.jobs.store import Stretch
from services.orchestrator.store import rows, tables

segment = tables.segment
stretch = tables.stretch


def append(connection: sa.Connection, job_id: str, segments: Sequence[Segment]) -> None:
    """Stores segments; one that is there already is passed over.

    Raises ValueError where a stream would get a gap.
    """
    for new in segments:
        length = _length(connection, job_id, new.step_index, new.attempt, new.stream)
        if new.offset + new.size <= length:
            continue
        if new.offset != length:
            raise ValueError(
                f"{new.stream} of step {new.step_index} has {length} bytes; "
                f"a segment began at {new.offset}"
            )
        connection.execute(
            sa.insert(segment).values(
                job_id=job_id,
                step_index=new.step_index,
                attempt=new.attempt,
                arrival=new.order,
                stream=new.stream,
                stream_offset=new.offset,
                size=new.size,
                key=new.key,
            )
        )
        _stretch(connection, job_id, new)


def forget(connection: sa.Connection, job_id: str, *, step_index: int, attempt: int) -> None:
    """Removes an attempt's segments; its stretches stay."""
    connection.execute(
        sa.delete(segment).where(
            segment.c.job_id == job_id,
            segment.c.step_index == step_index,
            segment.c.attempt == attempt,
        )
    )


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
    found = connection.execute(
        sa.select(segment)
        .where(
            segment.c.job_id == job_id,
            segment.c.step_index == step_index,
            segment.c.attempt == attempt,
            segment.c.arrival > after_order,
        )
        .order_by(segment.c.arrival)
        .limit(limit)
    )
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
    lengths = {
        stream: _length(connection, job_id, step_index, attempt, stream) for stream in Stream
    }
    return {stream: length for stream, length in lengths.items() if length}


def _length(
    connection: sa.Connection, job_id: str, step_index: int, attempt: int, stream: Stream
) -> int:
    # By the stream's last stretch, which is never more than one from the end: no
    # matter how often the streams took turns, this costs the same.
    found = connection.scalar(
        sa.select(stretch.c.stream_offset + stretch.c.size)
        .where(
            stretch.c.job_id == job_id,
            stretch.c.step_index == step_index,
            stretch.c.attempt == attempt,
            stretch.c.stream == stream,
        )
        .order_by(stretch.c.position.desc())
        .limit(1)
    )
    return found or 0


def _stretch(connection: sa.Connection, job_id: str, new: Segment) -> None:
    """Lengthens the last stretch where it is of the same stream, else begins another."""
    of_attempt = sa.and_(
        stretch.c.job_id == job_id,
        stretch.c.step_index == new.step_index,
        stretch.c.attempt == new.attempt,
    )
    found = connection.execute(
        sa.select(stretch).where(of_attempt).order_by(stretch.c.position.desc()).limit(1)
    )
    last = found.mappings().one_or_none()
    if last is not None and last["stream"] == new.stream:
        connection.execute(
            sa.update(stretch)
            .where(of_attempt, stretch.c.position == last["position"])
            .values(size=stretch.c.size + new.size)
        )
        return
    connection.execute(
        sa.insert(stretch).values(
            job_id=job_id,
            step_index=new.step_index,
            attempt=new.attempt,
            position=0 if last is None else last["position"] + last["size"],
            stream=new.stream,
            stream_offset=new.offset,
            size=new.size,
        )
    )
