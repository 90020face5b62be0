"""Marks of a plot stand where their values say, and add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard import plots, scales
from services.dashboard.plots import ABOVE, HEIGHT, THIN, Layer, Spread

TEN = scales.Scale(step=5, lines=2)
COUNTS = st.fixed_dictionaries({"succeeded": st.integers(0, 500), "failed": st.integers(0, 500)})


def share(text: str) -> float:
    return float(text.removesuffix("%"))


def test_lines_go_from_the_ground_to_the_top() -> None:
    assert [(one.y, one.number) for one in plots.lines(TEN)] == [
        (ABOVE + HEIGHT, 0),
        (ABOVE + HEIGHT / 2, 5),
        (ABOVE, 10),
    ]


def test_what_failed_lies_on_what_succeeded() -> None:
    below, above = plots.stacked([{"succeeded": 5, "failed": 1}], TEN)

    assert (below.look, edges(below)) == ("succeeded", [(78, 148)])
    assert (above.look, edges(above)) == ("failed", [(64, 78)])


def test_nothing_is_drawn_of_what_there_is_none_of() -> None:
    assert plots.stacked([{"succeeded": 0, "failed": 0}], TEN) == []
    assert not plots.levels([0], TEN, "submitted").marks
    assert not any(one.marks for one in plots.bands([None], TEN))


@given(st.lists(COUNTS, min_size=1, max_size=60))
def test_a_pile_is_as_high_as_all_of_it_and_stays_in_its_bucket(
    counts: list[dict[str, int]],
) -> None:
    scale = scales.of_counts(max(sum(one.values()) for one in counts))

    for bucket, count in enumerate(counts):
        alone: list[dict[str, int]] = [{}] * bucket + [count] + [{}] * (len(counts) - bucket - 1)
        pile = [one for layer in plots.stacked(alone, scale) for one in layer.marks]
        whole = sum(float(one.height) for one in pile)
        assert whole == pytest.approx(HEIGHT * sum(count.values()) / scale.top, abs=0.2)
        for one in pile:
            assert float(one.y) >= ABOVE
            assert share(one.x) >= 100 * bucket / len(counts) - 0.01
            assert share(one.x) + share(one.width) <= 100 * (bucket + 1) / len(counts) + 0.01


def test_a_band_goes_from_the_half_to_nine_in_ten() -> None:
    band, half = plots.bands([Spread(half=2.5, most=10)], TEN)

    assert (band.look, edges(band)) == ("band", [(8, 113)])
    assert (half.look, edges(half)) == ("half", [(112, 114)])


def test_a_length_of_nothing_is_seen_all_the_same() -> None:
    """It is known to be short; a bucket without a mark is one of which nothing is known."""
    band, half = plots.bands([Spread(half=0, most=0)], TEN)

    assert [float(one.height) for one in (*band.marks, *half.marks)] == [THIN, THIN]


def edges(layer: Layer) -> list[tuple[float, float]]:
    """Top and bottom of its marks."""
    return [(float(one.y), float(one.y) + float(one.height)) for one in layer.marks]


def test_buckets_lie_side_by_side() -> None:
    found = [(share(one.x), share(one.width)) for one in plots.places(4)]

    assert found == [(0, 25), (25, 25), (50, 25), (75, 25)]
