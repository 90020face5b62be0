"""JSON objects as messages, both ways."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2


def struct_to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The JSON object a Struct holds; whole numbers come out as int."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return struct_to_dict(value.struct_value)
        case "list_value":
            return [_plain(one) for one in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def dict_to_struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    """The other way; values must be JSON."""
    return json_format.ParseDict(dict(value), struct_pb2.Struct())
