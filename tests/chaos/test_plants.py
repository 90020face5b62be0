"""Every plant finds the text that it takes away."""

from pathlib import Path

import pytest

from tests.chaos.plants import PLANTS, Plant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_what_is_to_be_taken_away_stands_once_where_it_is_looked_for(plant: Plant) -> None:
    """A safeguard that moved to another file was not taken away any more until somebody ran it."""
    for name, old, _ in plant.edits:
        assert (ROOT / name).read_text().count(old) == 1, name
