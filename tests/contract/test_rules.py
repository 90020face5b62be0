"""The rules over several fields."""

from typing import Any

import pytest

from services.contract.values import Deployment, SkillSource, Stage
from tests.contract.payloads import faults, payload, planned, warned


@pytest.mark.parametrize(
    ("target", "mode", "runtime"),
    [
        (None, None, "gemini"),
        ("claude", None, "claude"),
        (None, " Claude ", "claude"),
        ("CODEX", "codex", "codex"),
        ("universal", None, "gemini"),
        ("Universal", "universal", "gemini"),
    ],
)
def test_the_runtime_is_the_first_that_is_named(
    target: str | None, mode: str | None, runtime: str
) -> None:
    raw = payload({"runtime": {"mode": mode}}, targetRuntime=target)

    task: Any = planned(raw, Deployment(default_runtime="gemini")).task

    assert (task["targetRuntime"], task["task"]["runtime"]["mode"]) == (runtime, runtime)


def test_universal_gives_a_warning() -> None:
    assert warned(payload(targetRuntime="universal")) == [("targetRuntime", "RUNTIME_RESOLVED")]


@pytest.mark.parametrize(("target", "mode"), [("codex", "claude"), ("universal", "codex")])
def test_two_different_runtimes_conflict(target: str, mode: str) -> None:
    raw = payload({"runtime": {"mode": mode}}, targetRuntime=target)

    assert faults(raw) == [("task.runtime.mode", "RUNTIME_CONFLICT")]


def test_an_unknown_runtime_is_refused_where_it_stands() -> None:
    raw = payload({"runtime": {"mode": "copilot"}}, targetRuntime="cursor")

    assert faults(raw) == [
        ("targetRuntime", "UNKNOWN_RUNTIME"),
        ("task.runtime.mode", "UNKNOWN_RUNTIME"),
    ]


@pytest.mark.parametrize("steps", [[{"instructions": "x"}], [{"instructions": "x"}] * 101, "x"])
def test_a_container_and_steps_exclude_each_other(steps: Any) -> None:
    raw = payload({"container": {"enabled": True}, "steps": steps})

    assert ("task.steps", "CONTAINER_WITH_STEPS") in faults(raw)


@pytest.mark.parametrize("steps", [None, []])
def test_a_container_alone_is_refused_while_nothing_runs_it(steps: Any) -> None:
    raw = payload({"container": {"enabled": True}, "steps": steps})

    assert faults(raw) == [("task.container.enabled", "CONTAINER_UNSUPPORTED")]


def test_a_branch_is_no_base_of_itself() -> None:
    raw = payload({"git": {"newBranch": "x"}, "publish": {"prBaseBranch": "x"}})

    assert faults(raw) == [("task.publish.prBaseBranch", "BRANCH_NAME")]


@pytest.mark.parametrize("mode", [None, "pr", "branch"])
def test_publish_is_the_last_stage(mode: str | None) -> None:
    made = planned(payload({"publish": {"mode": mode}}))

    assert made.stages == (Stage.PREPARE, Stage.EXECUTE, Stage.PUBLISH)


def test_mode_none_has_no_publish_stage() -> None:
    assert planned(payload({"publish": {"mode": "none"}})).stages == (Stage.PREPARE, Stage.EXECUTE)


def test_an_absent_mode_means_pr() -> None:
    task: Any = planned(payload()).task

    assert task["task"]["publish"]["mode"] == "pr"


@pytest.mark.parametrize("steps", [None, []])
def test_no_steps_mean_one_implicit_step(steps: Any) -> None:
    made = planned(payload({"steps": steps, "skill": {"id": "speckit", "args": {"a": 1}}}))
    task: Any = made.task

    (step,) = made.steps
    assert (step.index, step.id, step.title, step.instructions) == (0, "step-1", "", "")
    assert (step.skill.id, step.skill.args) == ("speckit", {"a": 1})
    assert task["task"]["steps"] == []


def test_ids_may_repeat_and_are_made_up_from_the_position() -> None:
    steps = [
        {"id": "a", "instructions": "x"},
        {"instructions": "y"},
        {"id": "a", "instructions": "z"},
    ]

    assert [step.id for step in planned(payload({"steps": steps})).steps] == ["a", "step-2", "a"]


@pytest.mark.parametrize(
    ("of_step", "of_task", "expected"),
    [
        ({"id": "s"}, {"id": "t"}, ("s", SkillSource.STEP)),
        (None, {"id": "t"}, ("t", SkillSource.TASK)),
        (None, None, ("auto", SkillSource.DEFAULT)),
        ({"id": "auto"}, {"id": "t"}, ("auto", SkillSource.STEP)),
    ],
)
def test_a_steps_skill_comes_before_the_tasks(
    of_step: Any, of_task: Any, expected: tuple[str, SkillSource]
) -> None:
    raw = payload({"skill": of_task, "steps": [{"instructions": "x", "skill": of_step}]})

    (step,) = planned(raw).steps

    assert (step.skill.id, step.skill.source) == expected


def test_the_target_runtime_is_the_reason_where_both_name_it() -> None:
    made = planned(payload({"runtime": {"mode": "claude"}}, targetRuntime="claude"))

    assert made.capabilities[0].reasons == ("targetRuntime is claude",)
