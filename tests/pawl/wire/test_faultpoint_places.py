"""Every fault point has its place in the code and its line in the list of them."""

import re
from pathlib import Path

from pawl.wire.faultpoints import Point

ROOT = Path(__file__).resolve().parents[3]


def test_every_point_has_one_place_where_it_can_be_struck() -> None:
    places = [
        place
        for source in (ROOT / "services").rglob("*.py")
        for place in re.findall(r"\b(?:reach|begin)\(Point\.(\w+)", source.read_text())
    ]

    assert sorted(places) == sorted(point.name for point in Point)


def test_every_point_is_told_of() -> None:
    page = (ROOT / "docs/decisions/faultpoints.md").read_text()

    assert all(re.search(rf"\b{point.name}\b", page) for point in Point)
