"""An agent's text becomes safe to show and never longer than it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runner.runtimes.visible import shown_path, visible, visible_bytes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31mred\x07\x00", "␛[31mred␇␀"),
        ("\x7f\x9b", "␡\\u009b"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("\ud800x", "\ufffdx"),
    ],
)
def test_controls_are_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert visible_bytes(b"a\xffb") == "a\ufffdb"


@given(st.text(st.characters(exclude_categories=()), max_size=200), st.integers(16, 100))
def test_a_text_never_takes_more_bytes_than_its_limit(text: str, limit: int) -> None:
    assert len(visible(text, limit).encode()) <= limit


def test_a_text_that_was_cut_says_so() -> None:
    assert visible("x" * 100, 50).endswith("[cut]")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/repo/a/b.txt", "a/b.txt"),
        ("a/./b.txt", "a/b.txt"),
        ("../b.txt", "/b.txt"),
        ("/repository/b", "/repository/b"),
        ("/repo", "/repo"),
    ],
)
def test_a_path_is_relative_only_inside_the_repository(path: str, shown: str) -> None:
    assert shown_path(path, "/repo") == shown
