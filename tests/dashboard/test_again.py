"""A job's task as a form gets it to be edited."""

from typing import Any

import pytest

from pawl.client import Plan
from pawl.v1 import task_pb2
from services.contract import convert
from services.contract import plan as contract
from services.contract.values import Deployment
from services.dashboard.again import as_given

SOURCES = {
    "defaulted": task_pb2.PROVENANCE_SOURCE_DEFAULTED,
    "derived": task_pb2.PROVENANCE_SOURCE_DERIVED,
    "explicit": task_pb2.PROVENANCE_SOURCE_EXPLICIT,
}


def plan(task: dict[str, Any], **sources: list[str]) -> Plan:
    made = Plan()
    made.task.update(task)
    for source, paths in sources.items():
        for path in paths:
            made.provenance.add(path=path, source=SOURCES[source])
    return made


def test_what_was_given_is_kept_and_defaults_are_left_to_the_deployment() -> None:
    given = plan(
        {"repository": "a/b", "task": {"instructions": "Do.", "runtime": {"model": "big"}}},
        explicit=["repository", "task.instructions"],
        defaulted=["task.runtime.model"],
    )

    assert as_given(given) == {"repository": "a/b", "task": {"instructions": "Do."}}


def test_steps_keep_their_order_and_the_keys_of_their_arguments() -> None:
    steps = [
        {"instructions": "One.", "id": "step-1"},
        {"skill": {"id": "tune", "args": {"deep": {"empty": {}}}}},
    ]
    given = plan(
        {"task": {"steps": steps}},
        explicit=["task.steps[0].instructions", "task.steps[1].skill.id"],
        derived=["task.steps[1].skill.args"],
        defaulted=["task.steps[0].id"],
    )

    assert as_given(given) == {"task": {"steps": [{"instructions": "One."}, steps[1]]}}


def test_a_key_that_this_version_does_not_know_stays() -> None:
    assert as_given(plan({"mine": {"kept": True}})) == {"mine": {"kept": True}}


BARE: dict[str, Any] = {"repository": "o/r", "task": {"instructions": "Tidy up."}}
FULL: dict[str, Any] = {
    "repository": "o/r",
    "targetRuntime": "Claude",
    "requiredCapabilities": ["gpu"],
    "unknown": {"kept": [1, None, {}]},
    "task": {
        "instructions": "Tidy\nup.",
        "runtime": {"model": "large", "effort": "high"},
        "skill": {"id": "house", "args": {"deep": {"er": 1}}, "requiredCapabilities": ["node"]},
        "steps": [
            {"instructions": "Look."},
            {"id": "b", "title": "Build", "skill": {"id": "speckit"}},
        ],
        "git": {"startingBranch": "main", "newBranch": "x"},
        "publish": {"mode": "branch", "commitMessage": "Tidy"},
        "limits": {"maxCostUsd": 1.5},
    },
}


def planned(payload: dict[str, Any]) -> Plan:
    answer = convert.response(contract.plan(payload, Deployment()))
    assert not answer.violations
    return answer.plan


NAMED = {**BARE, "task": {"instructions": "Tidy up.", "runtime": {"mode": "gemini"}}}


@pytest.mark.parametrize("payload", [BARE, FULL, NAMED], ids=["bare", "full", "named"])
def test_it_makes_the_same_plan(payload: dict[str, Any]) -> None:
    job = planned(payload)

    assert planned(as_given(job)).digest == job.digest


def test_what_nobody_wrote_is_not_in_it() -> None:
    """The form then shows defaults as such, and a moved step gets the name of its place."""
    assert as_given(planned(BARE)) == BARE
    assert as_given(planned(FULL))["task"]["steps"] == FULL["task"]["steps"]
