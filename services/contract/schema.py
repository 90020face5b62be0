"""Describes payloads as JSON Schema 2020-12, from the declaration they are read by."""

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from services.contract import text
from services.contract.kinds import Kind, Listing, Part
from services.contract.lists import Arguments, Free, Variables, Words
from services.contract.payload import PAYLOAD
from services.contract.scalars import Flag, Number, Text
from services.contract.soundness import DEEPEST, MOST_VALUES, PAYLOAD_LIMIT
from services.contract.steps import STEP
from services.contract.values import Deployment

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME: Schema = {"$ref": "#/$defs/name"}
_TEXT: Schema = {"$ref": "#/$defs/text"}
_LINE: Schema = {"$ref": "#/$defs/line"}
_ANYTHING: Schema = {"$ref": "#/$defs/anything"}
_GIVEN: Schema = {"type": "string", "pattern": f"[^{text.INKLESS}]"}
_END = r"$(?!\n)"
"""The end; in some dialects $ also stands before a last line feed."""
_SPACE = r"[^\S\x1c-\x1f\x85\ufeff]"
"""White space, but for what only some dialects call so."""


def schema(deployment: Deployment) -> str:
    """JSON text of the schema: whatever it refuses, `plan` refuses too.

    It cannot say what `plan` refuses for two fields together, for bytes of UTF-8 or for
    the size of the whole.
    """
    root = _object(PAYLOAD)
    _default_runtime(root, deployment)
    _default_repository(root, deployment)
    _containers(root["properties"]["task"], deployment)
    comment = (
        f"At most {PAYLOAD_LIMIT:,} bytes of JSON, {MOST_VALUES:,} values and {DEEPEST} levels."
        " Null counts as absent, and so does a blank text."
    )
    document = {"$schema": _DIALECT, "title": "Pawl task", "$comment": comment, **root}
    return json.dumps({**document, "$defs": _definitions()}, indent=2)


def _default_runtime(root: Schema, deployment: Deployment) -> None:
    for name in ("targetRuntime", "target_runtime"):
        root["properties"][name]["default"] = deployment.default_runtime


def _default_repository(root: Schema, deployment: Deployment) -> None:
    names = ("repository", "repo")
    if deployment.default_repository is None:
        root["anyOf"] = [{"required": [name], "properties": {name: _GIVEN}} for name in names]
    else:
        for name in names:
            root["properties"][name]["default"] = deployment.default_repository


def _containers(task: Schema, deployment: Deployment) -> None:
    enabled = task["properties"]["container"]["properties"]["enabled"]
    if not deployment.containers:
        enabled["enum"] = [False, None]
        return
    task["if"] = {
        "required": ["container"],
        "properties": {
            "container": {
                "type": "object",
                "required": ["enabled"],
                "properties": {"enabled": {"const": True}},
            }
        },
    }
    task["then"] = {
        "properties": {
            "steps": {"maxItems": 0},
            "container": {
                "required": ["image", "command"],
                "properties": {"image": _GIVEN, "command": {"type": "array", "minItems": 1}},
            },
        }
    }


def _definitions() -> Schema:
    fine = rf"[^{_listed(text.BAD_RANGES)}\r]*"
    allowed = rf"^{fine}(?:\r\n{fine})*{_END}"
    return {
        "name": {"description": "What a key may be.", "pattern": allowed},
        "text": {
            "description": "Text without control characters and marks that hide or turn text.",
            "type": ["string", "null"],
            "pattern": allowed,
        },
        "line": {
            "description": "Text of one line.",
            "allOf": [
                _TEXT,
                {"pattern": _trimmed(r"(?:[^\n\r\t\u2028\u2029]*[\S\x1c-\x1f\x85\ufeff])?")},
            ],
        },
        "anything": {
            "description": "What this version does not know; kept.",
            "anyOf": [
                {"type": ["null", "boolean", "number"]},
                _TEXT,
                {"type": "array", "items": _ANYTHING},
                {"type": "object", "propertyNames": _NAME, "additionalProperties": _ANYTHING},
            ],
        },
    }


def _listed(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"
        for first, last in ranges
    )


def _escaped(point: int) -> str:
    """A code point in a regular expression; those past four digits have no common escape."""
    return f"\\u{point:04x}" if point < 0x10000 else chr(point)


def _described(kind: Kind) -> Schema:
    described = {**_constraints(kind), "description": kind.about}
    if not isinstance(kind, Part):
        if kind.default is not None:
            described["default"] = kind.default
        if kind.examples:
            described["examples"] = list(kind.examples)
    return described


def _constraints(kind: Kind) -> Schema:
    match kind:
        case Text():
            return _text(kind)
        case Number():
            return {
                "type": ["integer" if kind.whole else "number", "null"],
                "minimum": kind.low,
                "maximum": kind.high,
            }
        case Flag():
            return {"type": ["boolean", "null"]}
        case Free():
            return {
                "type": ["object", "null"],
                "propertyNames": _NAME,
                "additionalProperties": _ANYTHING,
            }
        case Words():
            word = {**_TEXT, "type": "string", "allOf": [{"pattern": _trimmed(kind.form)}]}
            return {"type": ["array", "null"], "maxItems": kind.most, "items": word}
        case Arguments():
            argument = {**_TEXT, "type": "string", "maxLength": kind.most_bytes}
            return {"type": ["array", "null"], "maxItems": kind.most, "items": argument}
        case Variables():
            return _variables(kind)
        case Listing():
            item = {**_object(kind.item), "type": "object"}
            return {"type": ["array", "null"], "maxItems": kind.most, "items": item}
        case Part():
            return _object(kind)


def _text(kind: Text) -> Schema:
    made: Schema = {**(_TEXT if kind.lines else _LINE), "maxLength": kind.most}
    if kind.most_characters is not None:
        made["maxLength"] = kind.most_characters
    if kind.required is not None:
        made.update(_GIVEN)
    form = kind.told or kind.form
    if form is not None:
        made["allOf"] = [{"pattern": _trimmed(form)}]
    if kind.choices:
        words = map(_any_case, kind.choices) if kind.folded else kind.choices
        made["anyOf"] = [
            {"enum": [*kind.choices, None]},
            {"pattern": _trimmed("|".join(words))},
        ]
    return made


def _variables(kind: Variables) -> Schema:
    forbidden = "|".join(map(_any_case, kind.forbidden))
    return {
        "type": ["object", "null"],
        "maxProperties": kind.most,
        "propertyNames": {"pattern": f"^(?!(?:{forbidden}){_END}){kind.form}{_END}"},
        "additionalProperties": {**_TEXT, "type": "string"},
    }


def _object(part: Part) -> Schema:
    properties = {name: _described(kind) for name, kind in part.fields.items()}
    for alias, name in part.aliases.items():
        properties[alias] = {
            **properties[name],
            "description": f"Another spelling of `{name}`.",
            "deprecated": True,
        }
    made: Schema = {
        "type": "object" if _needed(part) else ["object", "null"],
        "description": part.about,
        "properties": properties,
        "propertyNames": _NAME,
        "additionalProperties": _ANYTHING if part.closed is None else False,
    }
    if needed := [name for name, kind in part.fields.items() if _needed(kind)]:
        made["required"] = needed
    if part is STEP:
        made["anyOf"] = [
            {"required": ["instructions"], "properties": {"instructions": _GIVEN}},
            {"required": ["skill"], "properties": {"skill": {"type": "object"}}},
        ]
    return made


def _needed(kind: Kind) -> bool:
    """Whether absence is refused: of a required text, or of an object that needs one."""
    if isinstance(kind, Part):
        absent = kind.omitted or kind.sparse or kind.stand_in is not None
        return not absent and any(map(_needed, kind.fields.values()))
    return isinstance(kind, Text) and kind.required is not None


def _trimmed(form: str) -> str:
    """The pattern of what has this form once trimmed, or is blank."""
    return rf"^(?:{_SPACE}*(?!{_SPACE})(?:{form}){_SPACE}*|[{text.INKLESS}]*){_END}"


def _any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in word)
