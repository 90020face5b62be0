"""Where the marks of a plot go: across in per cent, so that plots are as wide as there is room."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.dashboard.scales import Scale

HEIGHT = 140
"""Of a plot, in pixels, from its ground line to its top line."""
ABOVE = 8
"""Room for the half of the topmost number."""
THIN = 2.0
"""What is there is at least so high, however little it is."""
FILLED = 0.8
"""What a mark takes of the width of its bucket."""


@dataclass(frozen=True, slots=True)
class Line:
    """A calm line across, and the number it stands for."""

    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Layer:
    """The marks that look alike; a later layer lies over an earlier one."""

    look: str
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Place:
    """The whole of a bucket, for a pointer to rest on."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Spread:
    """The half of some lengths is at most `half`, nine in ten are at most `most`; in seconds."""

    half: float
    most: float


def lines(scale: Scale) -> Sequence[Line]:
    """From the ground up."""
    return [Line(_y(number, scale), number) for number in scale.numbers]


def stacked(counts: Sequence[Mapping[str, int]], scale: Scale) -> Sequence[Layer]:
    """A pile for each bucket, of what there is of each look; the first lies on the ground."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    for bucket, count in enumerate(counts):
        below = 0
        for look, jobs in count.items():
            if jobs:
                bottom, top = _y(below, scale), _y(below + jobs, scale)
                marks[look].append(_mark(bucket, len(counts), top, bottom - top))
            below += jobs
    return [Layer(look, those) for look, those in marks.items()]


def levels(numbers: Sequence[int], scale: Scale, look: str) -> Layer:
    """A thin line at each bucket's number; none where that is nothing."""
    return Layer(
        look,
        [
            _mark(bucket, len(numbers), _y(number, scale) - THIN / 2, THIN)
            for bucket, number in enumerate(numbers)
            if number
        ],
    )


def bands(spreads: Sequence[Spread | None], scale: Scale) -> Sequence[Layer]:
    """A band from the half to nine in ten, and a line at the half; none where it is not known."""
    bands, halves = [], []
    for bucket, spread in enumerate(spreads):
        if spread is not None:
            top, half = _y(spread.most, scale), _y(spread.half, scale)
            bands.append(_mark(bucket, len(spreads), top, max(THIN, half - top)))
            halves.append(_mark(bucket, len(spreads), half - THIN / 2, THIN))
    return [Layer("band", bands), Layer("half", halves)]


def places(buckets: int) -> Sequence[Place]:
    """Every bucket, side by side."""
    return [Place(_share(one / buckets), _share(1 / buckets)) for one in range(buckets)]


def _mark(bucket: int, buckets: int, y: float, height: float) -> Mark:
    beside = (1 - FILLED) / 2
    return Mark(
        x=_share((bucket + beside) / buckets),
        y=f"{y:.4g}",
        width=_share(FILLED / buckets),
        height=f"{height:.4g}",
    )


def _y(number: float, scale: Scale) -> float:
    # Rounded here, so that both edges between two of a pile are at the same place.
    return round(ABOVE + HEIGHT * (1 - number / scale.top), 1)


def _share(part: float) -> str:
    """Few digits, of which a page has thousands: it is sent anew every few seconds."""
    return f"{round(100 * part, 2):g}%"
