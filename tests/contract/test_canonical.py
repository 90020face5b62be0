"""The one form of JSON, against another implementation of RFC 8785."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from services.contract.canonical import canonical
from services.contract.report import Report
from services.contract.soundness import sound
from tests.contract.payloads import encodable, json_values

EXACT = 2**53 - 1
_FRACTIONS = st.floats(allow_nan=False, allow_infinity=False).map(
    lambda number: int(number) if number.is_integer() and abs(number) <= EXACT else number
)
_SCALARS = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | _FRACTIONS | st.text(encodable)
_KEYS = st.text(encodable, max_size=4)
# Levels by hand: a recursive strategy takes seconds to draw from on a busy machine.
_FLAT: st.SearchStrategy[Any] = (
    _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(_KEYS, _SCALARS, max_size=4)
)
VALUES: st.SearchStrategy[Any] = (
    _FLAT | st.lists(_FLAT, max_size=3) | st.dictionaries(_KEYS, _FLAT, max_size=3)
)


@given(VALUES)
def test_the_form_is_that_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(_KEYS, VALUES, max_size=3))
def test_what_is_sound_and_simple_has_the_same_form_either_way(values: dict[str, Any]) -> None:
    found = sound(values, Report())

    if found is not None and found.simple:
        assert canonical(found.values, simple=True) == rfc8785.dumps(values)


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=3))
def test_whatever_a_sound_payload_holds_has_a_form(values: dict[str, Any]) -> None:
    report = Report()
    found = sound(values, report)

    if found is not None and not report.refused:
        kept: Any = found.values
        assert canonical(kept, simple=found.simple) == rfc8785.dumps(kept)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (5e-324, "5e-324"),
        (float(2**53), "9007199254740992"),
        (-0.0, "0"),
        ("\u2028\x7f\u00e9\x1f\n/", '"\u2028\x7f\u00e9\\u001f\\n/"'),
        ({"\ufb33": 1, "\U0001f600": 2, "z": 3}, '{"z":3,"\U0001f600":2,"\ufb33":1}'),
        ([True, None, {}, []], "[true,null,{},[]]"),
    ],
)
def test_places_where_others_differ(value: Any, form: str) -> None:
    assert canonical(value) == form.encode()
