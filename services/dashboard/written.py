"""A task as text: for a file, or for a command that submits it."""

import io
import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from services.dashboard.queueing import Queueing

WIDEST = 1 << 30
"""No line is broken: what is quoted stays on one, and the end of a here-document is never in it."""

_SUBMIT = "pawl.v1.OrchestratorService/SubmitTask"


def as_json(payload: Mapping[str, Any]) -> str:
    """For people, in the order it was written in; what cannot be seen is escaped."""
    return _seen(json.dumps(payload, indent=2, ensure_ascii=False), _units) + "\n"


def as_yaml(payload: Mapping[str, Any]) -> str:
    """The same, with texts of several lines as they are."""
    yaml = YAML()
    yaml.width = WIDEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_readable(payload), text)
    # Left are those that YAML takes for visible: they are in double quotes, as all of their text.
    return _seen(text.getvalue(), _point)


def as_pawl(payload: Mapping[str, Any], *, target: str, request_id: str, queueing: Queueing) -> str:
    """A command for a shell. Given again, it makes no second job."""
    options = ["--target", target, "--request-id", request_id]
    for name, number in (
        ("--priority", queueing.priority),
        ("--max-attempts", queueing.max_attempts),
    ):
        # With =, else a number below 0 would be an option of its own.
        options += [f"{name}={number}"] if number else []
    options += [f"--label={key}={value}" for key, value in queueing.labels.items()]
    told = " ".join(map(_quoted, options))
    return f"pawl submit - {told} <<'TASK'\n{as_yaml(payload)}TASK\n"


def as_grpcurl(
    payload: Mapping[str, Any], *, target: str, request_id: str, queueing: Queueing
) -> str:
    """The same for grpcurl, which learns the messages from the service itself."""
    request = as_json({"requestId": request_id, **queueing.told(), "payload": payload})
    return f"grpcurl -plaintext -d @ {shlex.quote(target)} {_SUBMIT} <<'TASK'\n{request}TASK\n"


COMMANDS: Mapping[str, Callable[..., str]] = {"pawl": as_pawl, "grpcurl": as_grpcurl}
FILES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"yaml": as_yaml, "json": as_json}


def _quoted(word: str) -> str:
    """One word for a shell; what a terminal would obey while it is pasted is escaped."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (one if one.isprintable() and one not in "\\'" else _bytes(one) for one in word)
    return f"$'{''.join(escaped)}'"


def _seen(text: str, escaped: Callable[[str], str]) -> str:
    return "".join(one if one.isprintable() or one == "\n" else escaped(one) for one in text)


def _point(character: str) -> str:
    return f"\\U{ord(character):08x}"


def _units(character: str) -> str:
    """As JSON escapes it: by the units of UTF-16."""
    return json.dumps(character)[1:-1]


def _bytes(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


def _readable(value: Any) -> Any:
    match value:
        case dict():
            return {_text(name): _readable(inner) for name, inner in value.items()}
        case list():
            return [_readable(inner) for inner in value]
        case str():
            return _text(value)
        case _:
            return value


def _text(text: str) -> str:
    """Several lines stay lines; what cannot be seen, or YAML takes for a line end, is escaped."""
    if not text.replace("\n", "").isprintable():
        text = DoubleQuotedScalarString(text)
    elif "\n" in text:
        text = LiteralScalarString(text)
    return text
