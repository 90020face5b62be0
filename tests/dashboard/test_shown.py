"""Text of others, made fit for a page."""

import pytest

from services.dashboard.shown import TURNING, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("größer 世界 👍", "größer 世界 👍"),
        ("a\u202eb", "a\u27e6U+202E\u27e7b"),
        ("a\x1b[31mb\r", "a\u241b[31mb\u240d"),
        ("a\u200bb\x7f", "a\u27e6U+200B\u27e7b\u27e6U+007F\u27e7"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud800", "\u27e6U+D800\u27e7"),
    ],
    ids=["plain", "of the world", "turning", "escape", "no width", "blanks", "half"],
)
def test_what_cannot_be_seen_is_named_in_its_place(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_nothing_is_left_that_is_unseen_or_turns() -> None:
    """Of every character of the planes that have some."""
    every = "".join(map(chr, (*range(0x20000), *range(0xE0000, 0xE0200))))

    left = set(visible(every)) - {"\n", "\t"}

    assert "".join(left).isprintable()
    assert not left & TURNING
