"""Lines come out whole, whatever pieces they arrived in."""

from hypothesis import given
from hypothesis import strategies as st

from services.runner.lines import Lines

PIECES = st.lists(st.text("ab\n", max_size=12).map(str.encode), max_size=12)


@given(PIECES)
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    lines = Lines()

    said = [line for piece in pieces for line in lines.feed(piece)] + lines.end()

    *whole, rest = b"".join(pieces).split(b"\n")
    assert said == whole + ([rest] if rest else [])


@given(PIECES)
def test_only_lines_over_the_limit_are_lost(pieces: list[bytes]) -> None:
    lines = Lines(longest=3)

    said = [line for piece in pieces for line in lines.feed(piece)] + lines.end()

    *whole, rest = b"".join(pieces).split(b"\n")
    assert said == [line for line in whole if len(line) <= 3] + (
        [rest] if 0 < len(rest) <= 3 else []
    )
    assert lines.given_up == sum(len(line) > 3 for line in [*whole, rest])


def test_a_line_of_five_megabytes_comes_whole() -> None:
    lines, piece = Lines(), b"x" * 65536

    for _ in range(80):
        assert lines.feed(piece) == []

    assert lines.feed(b"\nnext\n") == [piece * 80, b"next"]
