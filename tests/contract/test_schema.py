"""The schema: it refuses what planning refuses, as far as a schema can say it."""

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from itertools import compress
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from services.contract.codes import VIOLATIONS
from services.contract.kinds import Kind
from services.contract.payload import PAYLOAD
from services.contract.plan import plan
from services.contract.report import Path, spelled
from services.contract.schema import schema
from services.contract.text import fault
from services.contract.values import Deployment
from tests.contract.nearly_valid import (
    DEPLOYMENTS,
    ODD,
    alone,
    fields,
    full,
    nearly_valid,
    values,
    with_container,
)
from tests.contract.payloads import json_objects, payload
from tests.contract.sayable import CODES, sayable

each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)

ACCEPTED_AND_REFUSED = """
const {patterns, strings} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = patterns.map(pattern => {
  const made = new RegExp(pattern, "u");
  return strings.map(string => made.test(string));
});
console.log(JSON.stringify(found));
"""


@functools.cache
def validator(deployment: Deployment) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema(deployment)))


def parts(schema_part: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every field that is described, with its path; an element is number 0."""
    yield path, schema_part
    for name, inner in schema_part.get("properties", {}).items():
        yield from parts(inner, (*path, name))
    if "description" in schema_part.get("items", {}):
        yield from parts(schema_part["items"], (*path, 0))


def patterns(schema_part: Any) -> Iterator[str]:
    """Every regular expression in it."""
    if isinstance(schema_part, dict):
        if isinstance(schema_part.get("pattern"), str):
            yield schema_part["pattern"]
        schema_part = list(schema_part.values())
    if isinstance(schema_part, list):
        for inner in schema_part:
            yield from patterns(inner)


def put(value: Any, path: Path) -> Any:
    """A valid payload with this value in this place, and without what contradicts it."""
    made = full()
    task = made["task"]
    # Two spellings, or two fields, of one setting.
    if path == ("task", "runtime", "mode"):
        del made["targetRuntime"]
    else:
        del task["runtime"]["mode"]
    if path[:2] == ("task", "container"):
        del task["steps"]
    parent: Any = made
    for part in path[:-1]:
        parent = parent[part]
    for alias, name in {**PAYLOAD.aliases, "baseBranch": "prBaseBranch"}.items():
        if path[-1] == alias:
            del parent[name]
    parent[path[-1]] = value
    return made


@each_deployment
def test_it_is_a_schema_of_draft_2020_12(deployment: Deployment) -> None:
    made = json.loads(schema(deployment))

    Draft202012Validator.check_schema(made)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@each_deployment
def test_every_field_is_described(deployment: Deployment) -> None:
    described = dict(parts(json.loads(schema(deployment))))

    assert [path for path, part in described.items() if not part.get("description")] == []
    assert ("task", "steps", 0, "skill", "args") in described


@each_deployment
def test_every_example_and_default_is_accepted_in_its_place(deployment: Deployment) -> None:
    tried = 0
    for path, part in parts(json.loads(schema(deployment))):
        given = [*part.get("examples", ()), *([part["default"]] if "default" in part else [])]
        for value in given:
            raw = put(value, path)

            assert list(validator(deployment).iter_errors(raw)) == [], path
            assert plan(raw, deployment).violations == (), path
            tried += 1
    assert tried > 50


@each_deployment
@pytest.mark.parametrize("make", [full, with_container])
def test_a_payload_with_every_field_is_judged_alike(deployment: Deployment, make: Any) -> None:
    payload = make()

    accepted = validator(deployment).is_valid(payload)

    assert accepted == (plan(payload, deployment).plan is not None)
    assert accepted or make is with_container


def assert_judged_alike(raw: Any, deployment: Deployment) -> None:
    error = next(validator(deployment).iter_errors(raw), None)
    violations = plan(raw, deployment).violations

    if error is None:
        said = [item for item in violations if sayable(item, raw)]
        assert not said, f"the schema accepts {raw!a:.300}"
    else:
        assert violations, f"the schema refuses {raw!a:.300} for {error.message:.300}"


@pytest.mark.parametrize(
    ("path", "kind"), [pytest.param(*each, id=spelled(each[0])) for each in fields()]
)
def test_a_field_alone_is_judged_alike(path: Path, kind: Kind) -> None:
    for value in values(kind):
        assert_judged_alike(alone(path, value), DEPLOYMENTS["plain"])


@pytest.mark.parametrize("steps", [None, [], [{"instructions": "Go."}]])
@pytest.mark.parametrize("command", [None, [], ["", ""], ["true"]])
@pytest.mark.parametrize("image", [None, "", "\u200b", "Debian", "debian:12"])
@each_deployment
def test_a_container_is_judged_alike(
    deployment: Deployment, image: Any, command: Any, steps: Any
) -> None:
    for enabled in (None, False, True, 1):
        full_one = {"enabled": enabled, "image": image, "command": command}
        short_one = {name: value for name, value in full_one.items() if value}
        for container in (full_one, short_one):
            assert_judged_alike(payload({"container": container, "steps": steps}), deployment)


@each_deployment
@settings(deadline=None)
@given(raw=nearly_valid())
def test_a_payload_that_is_nearly_valid_is_judged_alike(deployment: Deployment, raw: Any) -> None:
    assert_judged_alike(raw, deployment)


@each_deployment
@settings(deadline=None)
@given(raw=json_objects())
def test_any_json_is_judged_alike(deployment: Deployment, raw: Any) -> None:
    assert_judged_alike(raw, deployment)


def test_every_code_is_known_to_be_sayable_or_not() -> None:
    assert CODES.keys() == VIOLATIONS.keys()


def test_its_patterns_mean_the_same_in_the_dialect_of_json_schema() -> None:
    """JSON Schema's regular expressions are those of ECMAScript, with the u flag."""
    found = sorted(
        {pattern for each in DEPLOYMENTS.values() for pattern in patterns(json.loads(schema(each)))}
    )

    answer = subprocess.run(
        ["node", "-e", ACCEPTED_AND_REFUSED],
        input=json.dumps({"patterns": found, "strings": ODD}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for pattern, there in zip(found, json.loads(answer), strict=True):
        here = [re.search(pattern, odd) is not None for odd in ODD]
        # Dialects differ in what they call white space; nobody asks that of what is refused.
        asked = [fault(odd) is None or "\\u115f" in pattern for odd in ODD]
        assert list(compress(there, asked)) == list(compress(here, asked)), pattern
    assert len(found) > 20
