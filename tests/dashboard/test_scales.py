"""The numbers beside a plot are few and round, and none of its values lies above them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard import scales


@pytest.mark.parametrize(
    ("most", "numbers"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (38, [0, 10, 20, 30, 40]),
        (100_000, [0, 50_000, 100_000]),
    ],
)
def test_counts_are_written_by_ones_twos_and_fives(most: int, numbers: list[int]) -> None:
    assert list(scales.of_counts(most).numbers) == numbers


@pytest.mark.parametrize(
    ("longest", "written"),
    [
        (0, ["0", "1 s"]),
        (3.2, ["0", "1 s", "2 s", "3 s", "4 s"]),
        (50, ["0", "15 s", "30 s", "45 s", "1 m"]),
        (12 * 60, ["0", "5 m", "10 m", "15 m"]),
        (82 * 60, ["0", "30 m", "1 h", "90 m"]),
        (5 * 3600, ["0", "2 h", "4 h", "6 h"]),
        (40 * 3600, ["0", "12 h", "1 d", "36 h", "2 d"]),
        (19 * 86_400, ["0", "5 d", "10 d", "15 d", "20 d"]),
    ],
)
def test_lengths_are_written_by_what_a_clock_divides_into(
    longest: float, written: list[str]
) -> None:
    assert [scales.length(one) for one in scales.of_seconds(longest).numbers] == written


@given(st.integers(0, 10**9), st.floats(0, 10**8))
def test_no_value_lies_above_the_top_and_lines_are_few(most: int, longest: float) -> None:
    for scale, value in ((scales.of_counts(most), most), (scales.of_seconds(longest), longest)):
        assert scale.top >= value
        assert scale.top - scale.step < value or scale.lines == 1
        assert 1 <= scale.lines <= scales.LINES
