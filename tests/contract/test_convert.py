"""That JSON survives the way through Struct."""

import math

from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract import convert
from services.contract.values import Json

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False).filter(lambda number: not number.is_integer())
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_values: st.SearchStrategy[Json] = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=5
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc"), _values))
def test_json_comes_back_as_it_was(values: dict[str, Json]) -> None:
    back = convert.payload(struct_pb2.Struct.FromString(convert.struct(values).SerializeToString()))

    assert back == values


def test_whole_doubles_become_integers_and_others_stay() -> None:
    message = struct_pb2.Struct()
    json_format.ParseDict({"a": 3.0, "b": 0.5, "c": 1e300}, message)
    message.fields["d"].number_value = math.inf

    back = convert.payload(message)

    assert {key: type(value) for key, value in back.items()} == {
        "a": int,
        "b": float,
        "c": float,
        "d": float,
    }


def test_a_value_without_a_kind_is_null() -> None:
    message = struct_pb2.Struct(fields={"a": struct_pb2.Value()})

    assert convert.payload(message) == {"a": None}
