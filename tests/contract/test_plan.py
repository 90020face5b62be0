"""That planning is a pure function with a fixed point."""

import copy
import hashlib
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import rfc8785
from hypothesis import given, settings

from services.contract.plan import plan
from services.contract.values import Deployment, Json, Origin
from tests.contract.payloads import json_objects, payload, planned, valid_payloads

DEPLOYMENTS = [Deployment(), Deployment(default_repository="o/r", default_runtime="claude")]


@settings(max_examples=60, deadline=None)
@given(json_objects())
def test_no_json_makes_it_raise(raw: dict[str, Json]) -> None:
    for deployment in DEPLOYMENTS:
        answer = plan(raw, deployment)

        assert (answer.plan is None) == bool(answer.violations)


@settings(max_examples=60, deadline=None)
@given(valid_payloads)
def test_planning_a_canonical_task_gives_the_same_digest(raw: dict[str, Any]) -> None:
    first = planned(raw)

    again = planned(copy.deepcopy(dict(first.task)))

    assert again.digest == first.digest
    assert again.task == first.task
    assert Origin.DERIVED not in again.provenance.values()


@settings(max_examples=30, deadline=None)
@given(valid_payloads)
def test_the_same_payload_gives_the_same_answer_and_stays_as_it_is(raw: dict[str, Any]) -> None:
    before = copy.deepcopy(raw)
    turned = dict(reversed(list(raw.items())))

    assert plan(raw, Deployment()) == plan(turned, Deployment())
    assert raw == before


def test_the_digest_is_what_is_documented() -> None:
    made = planned(
        payload({"steps": [{"instructions": "x", "skill": {"id": "a", "args": {"n": 1.0}}}]})
    )
    covered = {
        "task": made.task,
        "capabilities": ["codex", "git", "gh"],
        "stages": ["prepare", "execute", "publish"],
        "steps": [
            {
                "index": 0,
                "id": "step-1",
                "title": "",
                "skill": {"id": "a", "args": {"n": 1}},
                "prompt": made.steps[0].prompt,
            }
        ],
    }

    assert made.digest == hashlib.sha256(rfc8785.dumps(cast("Any", covered))).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", made.digest)


@pytest.mark.parametrize(
    "change",
    [
        {"instructions": "Another goal."},
        {"publish": {"mode": "branch"}},
        {"limits": {"silenceSeconds": 1}},
        {"skill": {"id": "a"}},
        {"later": 1},
        {"steps": [{"instructions": "x"}]},
    ],
)
def test_every_change_changes_the_digest(change: dict[str, Any]) -> None:
    assert planned(payload(change)).digest != planned(payload()).digest


def test_the_canonical_task_has_every_default() -> None:
    assert planned(payload({"steps": [{"instructions": " x "}]})).task == {
        "repository": "owner/repo",
        "targetRuntime": "codex",
        "requiredCapabilities": [],
        "auth": {"repoAuthRef": None, "publishAuthRef": None},
        "task": {
            "instructions": "Reach the goal.",
            "runtime": {"mode": "codex", "model": None, "effort": None},
            "skill": {"id": "auto", "args": {}, "requiredCapabilities": []},
            "steps": [{"id": "step-1", "title": None, "instructions": "x", "skill": None}],
            "git": {"startingBranch": None, "newBranch": None},
            "publish": {
                "mode": "pr",
                "prBaseBranch": None,
                "commitMessage": None,
                "prTitle": None,
                "prBody": None,
            },
            "limits": {
                "stepTimeoutSeconds": 3600,
                "silenceSeconds": 900,
                "jobTimeoutSeconds": 43200,
                "queueTimeoutSeconds": None,
                "maxOutputBytes": 268435456,
                "maxTokens": None,
                "maxCostUsd": None,
            },
            "container": {"enabled": False},
        },
    }


def test_provenance_tells_defaults_from_derivations() -> None:
    raw = payload(
        {"runtime": {"mode": "Claude"}, "steps": [{"instructions": " x "}]},
        requiredCapabilities=["GPU"],
    )

    origins = planned(raw).provenance

    assert origins["targetRuntime"] == "derived"
    assert origins["task.runtime.mode"] == "derived"
    assert origins["requiredCapabilities"] == "derived"
    assert origins["task.steps[0].id"] == "derived"
    assert origins["task.steps[0].instructions"] == "derived"
    assert origins["task.publish.mode"] == "defaulted"
    assert origins["repository"] == "explicit"
    assert origins["task.instructions"] == "explicit"
    assert origins["task.git.newBranch"] == "defaulted"


def test_every_declared_field_of_the_canonical_task_tells_its_origin_once() -> None:
    made = planned(payload({"steps": [{"instructions": "x"}], "later": {"a": [1]}}))

    assert sorted(made.provenance) == sorted(_leaves(dict(made.task), ""))


def _leaves(values: dict[str, Any], path: str) -> Iterator[str]:
    for name, value in values.items():
        where = f"{path}.{name}" if path else name
        if name == "steps":
            for index, step in enumerate(value):
                yield from _leaves(step, f"{where}[{index}]")
        elif isinstance(value, dict) and name not in {"args", "later"}:
            yield from _leaves(value, where)
        elif name != "later":
            yield where


def test_the_canonical_task_is_all_explicit_or_null() -> None:
    again = planned(copy.deepcopy(dict(planned(payload({"skill": {"id": "a"}})).task)))

    left = {path for path, origin in again.provenance.items() if origin is not Origin.EXPLICIT}

    assert left == {
        "auth.publishAuthRef",
        "auth.repoAuthRef",
        "task.git.newBranch",
        "task.git.startingBranch",
        "task.limits.maxCostUsd",
        "task.limits.maxTokens",
        "task.limits.queueTimeoutSeconds",
        "task.publish.commitMessage",
        "task.publish.prBaseBranch",
        "task.publish.prBody",
        "task.publish.prTitle",
        "task.runtime.effort",
        "task.runtime.model",
    }
