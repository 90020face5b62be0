"""Text of others moves no cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.cli.text import line, lines

FORBIDDEN = {*map(chr, (*range(9), *range(11, 32), *range(127, 160)))} | set("\u202e\u2066\u200f")


@given(st.text(alphabet=st.characters()))
def test_nothing_a_terminal_obeys_is_left(text: str) -> None:
    assert not FORBIDDEN & set(lines(text))
    assert not FORBIDDEN & set(line(text))
    assert "\n" not in line(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 漢 🙂", "plain ä 漢 🙂"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never ended", "52;c;never ended"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x9b2Jc1", "2Jc1"),
        ("a\rb\r\nc\x0bd", "a b c d"),
        ("\ud800", ""),
    ],
)
def test_sequences_are_taken_out_whole(text: str, shown: str) -> None:
    assert line(text) == shown


def test_line_breaks_and_tabs_stay_where_they_may() -> None:
    assert lines("a\tb\r\nc\n") == "a\tb\nc\n"


def test_a_line_is_cut_to_its_limit() -> None:
    assert line("x" * 10_000, 20) == "x" * 19 + "…"
