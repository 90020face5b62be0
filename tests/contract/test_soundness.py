"""What no payload may hold, whatever its fields mean."""

import math
from typing import Any

import pytest

from services.contract.report import MOST_VIOLATIONS, MOST_WARNINGS
from tests.contract.payloads import faults, payload, planned, warned


@pytest.mark.parametrize(
    "text",
    [
        "a\x00",
        "\x1b[31mred",
        "\x07",
        "a\x85b",
        "a\rb",
        "\ud800",
        "a\u202eb",
        "\u2066x\u2069",
        "hidden\U000e0041",
        "e" + "\u0301" * 65,
        "\x7f",
    ],
)
@pytest.mark.parametrize("place", ["instructions", "args", "unknown", "key"])
def test_text_that_deceives_or_breaks_is_refused_everywhere(text: str, place: str) -> None:
    raws: dict[str, dict[str, Any]] = {
        "instructions": payload({"instructions": f"Fine. {text}"}),
        "args": payload({"skill": {"id": "a", "args": {"deep": [text]}}}),
        "unknown": payload(later=[text]),
        "key": payload({"skill": {"id": "a", "args": {text: 1}}}),
    }

    assert [code for _, code in faults(raws[place])] == ["BAD_TEXT"]


@pytest.mark.parametrize(
    "text", ["שלום עולם", "مرحبا\u200f", "👩‍👩‍👧", "नमस्ते", "tab\tand\nline", "é\u0301" * 9]
)
def test_ordinary_text_of_any_language_is_accepted(text: str) -> None:
    assert faults(payload({"instructions": text})) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 2**53 + 1, 10**400])
def test_numbers_json_cannot_carry_are_refused(number: float) -> None:
    assert faults(payload(later=number)) == [("later", "BAD_NUMBER")]


@pytest.mark.parametrize(("given", "kept"), [(3.0, 3), (-0.0, 0), (0.5, 0.5), (1e300, 1e300)])
def test_whole_numbers_become_integers(given: float, kept: float) -> None:
    number: Any = planned(payload(later=given)).task["later"]

    assert (number, type(number)) == (kept, type(kept))


def test_nesting_ends_at_sixteen_levels() -> None:
    nested: Any = []
    for _ in range(5_000):
        nested = [nested]

    assert [code for _, code in faults(payload(later=nested))] == ["TOO_DEEP"]


def test_a_payload_is_at_most_a_mebibyte() -> None:
    assert faults(payload(later="x" * 1_048_576)) == [("", "SIZE")]
    assert faults(payload(later="x" * 1_000_000)) == []


def test_violations_past_the_bound_are_summed_up() -> None:
    step = {"instructions": "x", **{f"k{index}": 1 for index in range(2_000)}}

    found = faults(payload({"steps": [step]}))

    assert len(found) == MOST_VIOLATIONS + 1
    assert found[-1] == ("", "TOO_MANY_VIOLATIONS")


def test_warnings_past_the_bound_are_summed_up() -> None:
    found = warned(payload() | {f"k{index}": 1 for index in range(500)})

    assert len(found) == MOST_WARNINGS + 1
    assert found[-1] == ("", "TOO_MANY_WARNINGS")
