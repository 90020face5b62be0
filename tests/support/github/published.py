"""GitHub's description of its API, with an example of every answer, and recorded answers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MODULES = Path(__file__).resolve().parent / "node_modules" / "@octokit"


class NotInstalled(Exception):
    """They are not there; the message names the command that installs them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answers, by its own word."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for."""

    name: str
    """Such as ``GET /repos/{owner}/{repo}``."""
    parameters: frozenset[str]
    """What its query may hold."""
    fields: frozenset[str]
    """What the body sent may hold."""
    example: Answer


@cache
def description() -> Mapping[str, Any]:
    """The OpenAPI description of api.github.com. Raises NotInstalled."""
    path = MODULES / "openapi" / "generated" / "api.github.com.json"
    if not path.exists():
        raise NotInstalled("GitHub's description is missing: run tests/support/github/install.sh")
    described: Mapping[str, Any] = json.loads(path.read_bytes())
    return described


def operation(method: str, path: str) -> Operation | None:
    """What a request is described as, None for one that GitHub does not describe."""
    for template in sorted(description()["paths"], key=lambda one: one.count("{")):
        pattern = "".join(
            "[^/]+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", template)
        )
        described = description()["paths"][template].get(method.lower())
        if described and re.fullmatch(pattern, path):
            return _read(f"{method} {template}", described)
    return None


def recorded(scenario: str) -> Mapping[tuple[str, str], Answer]:
    """What GitHub answered when a scenario was recorded, by method and path with its query."""
    folder = MODULES / "fixtures" / "scenarios" / "api.github.com" / scenario
    if not folder.exists():
        raise NotInstalled("the recordings are missing: run tests/support/github/install.sh")
    return {
        (one["method"].upper(), one["path"]): Answer(one["status"], one["response"])
        for one in json.loads((folder / "normalized-fixture.json").read_bytes())
    }


def _read(name: str, described: Mapping[str, Any]) -> Operation:
    parameters = [_followed(one) for one in described.get("parameters", [])]
    sent = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    status, answer = next(
        (int(code), _followed(one))
        for code, one in described["responses"].items()
        if code.startswith("2")
    )
    examples = answer.get("content", {}).get("application/json", {}).get("examples", {})
    example = _followed(next(iter(examples.values()))) if examples else {}
    return Operation(
        name=name,
        parameters=frozenset(one["name"] for one in parameters if one["in"] == "query"),
        fields=frozenset(_fields(sent.get("schema", {}))),
        example=Answer(status, example.get("value")),
    )


def _fields(schema: Mapping[str, Any]) -> set[str]:
    forms = [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]
    return {name for form in forms for name in _followed(form).get("properties", {})}


def _followed(node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        target: Any = description()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node
