"""What the page of the queue shows of what became of jobs: plots, and the same in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.duration_pb2 import Duration

from pawl.cli.tables import duration
from pawl.client import GetHistoryResponse, HistoryBucket, JobState, Lengths
from services.dashboard import plots, scales
from services.dashboard.histories import Span
from services.dashboard.pages import moment
from services.dashboard.plots import Layer, Place, Spread

ENDS: Mapping[str, Sequence[JobState]] = {
    "succeeded": (JobState.JOB_STATE_SUCCEEDED,),
    "failed": (JobState.JOB_STATE_FAILED, JobState.JOB_STATE_DEAD_LETTER),
    "cancelled": (JobState.JOB_STATE_CANCELLED,),
}
"""How jobs end, as people say it; the first lies on the ground of the plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bucket in numbers."""

    begin: datetime | None
    submitted: int
    ended: Mapping[str, int]
    took: Lengths | None
    waited: Lengths | None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.submitted or any(self.ended.values()))


@dataclass(frozen=True, slots=True)
class Number:
    """A number beside a plot."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a plot has to tell of one bucket."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A plot and what is written around it."""

    numbers: Sequence[Number]
    layers: Sequence[Layer]
    told: Sequence[Told]
    longest: str
    """Of all lengths; empty in a plot of none."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not any(one.marks for one in self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Everything of one span."""

    span: Span
    rows: Sequence[Row]
    submitted: int
    ended: Mapping[str, int]
    jobs: Chart
    took: Chart
    waited: Chart
    sampled: bool
    """Whether lengths are of the newest jobs alone, somewhere."""

    @property
    def begin(self) -> datetime | None:
        """Of the first bucket."""
        return self.rows[0].begin if self.rows else None

    @property
    def end(self) -> datetime | None:
        """Of the bucket that is under way."""
        last = self.rows[-1].begin if self.rows else None
        return None if last is None else last + self.span.bucket

    @property
    def busy(self) -> Sequence[Row]:
        """What there is to tell in numbers, the newest first."""
        return [one for one in reversed(self.rows) if not one.idle]


def throughput(span: Span, told: GetHistoryResponse) -> Throughput:
    """What is shown of an answer."""
    rows = [_row(one) for one in told.buckets]
    took, waited = [one.took for one in rows], [one.waited for one in rows]
    known = [one for one in (*took, *waited) if one is not None]
    return Throughput(
        span=span,
        rows=rows,
        submitted=sum(one.submitted for one in rows),
        ended={end: sum(one.ended[end] for one in rows) for end in ENDS},
        jobs=_jobs(rows),
        took=_lengths(rows, took),
        waited=_lengths(rows, waited),
        sampled=any(one.sampled_jobs < one.jobs for one in known),
    )


def seconds(length: Duration) -> float:
    """A length of time as a number."""
    return length.ToTimedelta().total_seconds()


def _row(bucket: HistoryBucket) -> Row:
    by_state = {one.state: one.jobs for one in bucket.ended}
    return Row(
        begin=moment(bucket.start_time),
        submitted=bucket.submitted_jobs,
        ended={end: sum(by_state.get(one, 0) for one in states) for end, states in ENDS.items()},
        took=bucket.took if bucket.HasField("took") else None,
        waited=bucket.waited if bucket.HasField("waited") else None,
    )


def _jobs(rows: Sequence[Row]) -> Chart:
    most = max((max(sum(one.ended.values()), one.submitted) for one in rows), default=0)
    scale = scales.of_counts(most)
    piles = plots.stacked([one.ended for one in rows], scale)
    return Chart(
        numbers=[Number(one.y, f"{one.number:,}") for one in plots.lines(scale)],
        layers=[*piles, plots.levels([one.submitted for one in rows], scale, "submitted")],
        told=_told([_ends(one) for one in rows]),
        longest="",
    )


def _lengths(rows: Sequence[Row], lengths: Sequence[Lengths | None]) -> Chart:
    known = [one for one in lengths if one is not None]
    spreads = [
        None if one is None else Spread(seconds(one.p50), seconds(one.p90)) for one in lengths
    ]
    scale = scales.of_seconds(max((one.most for one in spreads if one is not None), default=0))
    return Chart(
        numbers=[Number(one.y, scales.length(one.number)) for one in plots.lines(scale)],
        layers=plots.bands(spreads, scale),
        told=_told([_spread(one) for one in lengths]),
        longest=duration(max((seconds(one.max) for one in known), default=0)) if known else "",
    )


def _told(texts: Sequence[str]) -> Sequence[Told]:
    there = zip(plots.places(len(texts)), texts, strict=True)
    return [Told(place, text) for place, text in there if text]


def _ends(row: Row) -> str:
    told = [f"{jobs} {end}" for end, jobs in row.ended.items() if jobs]
    return ", ".join([*told, f"{row.submitted} submitted"] if row.submitted else told)


def _spread(lengths: Lengths | None) -> str:
    if lengths is None:
        return ""
    half, most, longest = (
        duration(seconds(one)) for one in (lengths.p50, lengths.p90, lengths.max)
    )
    return f"half within {half}, nine in ten within {most}, longest {longest}; of {lengths.jobs}"
