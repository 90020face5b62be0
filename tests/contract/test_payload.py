"""Every field's own rules: what is refused, where, under which code."""

from typing import Any

import pytest

from services.contract.plan import plan
from services.contract.steps import OVERRIDES
from services.contract.values import Deployment
from tests.contract.payloads import faults, payload, planned, said, warned

STEP = {"instructions": "Do it."}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"repository": "o/r"}, [("task.instructions", "REQUIRED")]),
        ({"repository": "o/r", "task": None}, [("task.instructions", "REQUIRED")]),
        ({"repository": "o/r", "task": "go"}, [("task", "WRONG_TYPE")]),
        (payload({"instructions": " \n\t "}), [("task.instructions", "REQUIRED")]),
        (payload({"instructions": "\u200b\u200b"}), [("task.instructions", "REQUIRED")]),
        (payload({"instructions": " ", "steps": [STEP]}), [("task.instructions", "REQUIRED")]),
        (payload({"instructions": 7}), [("task.instructions", "WRONG_TYPE")]),
        (payload({"instructions": "a" * 262_145}), [("task.instructions", "SIZE")]),
        (payload({"instructions": "é" * 131_073}), [("task.instructions", "SIZE")]),
        (payload({"instructions": "a\x00b"}), [("task.instructions", "BAD_TEXT")]),
        ({"task": {"instructions": "x"}}, [("repository", "REQUIRED")]),
        (payload(repository=1), [("repository", "WRONG_TYPE")]),
        (payload({"steps": {}}), [("task.steps", "WRONG_TYPE")]),
        (payload({"steps": [STEP] * 101}), [("task.steps", "TOO_MANY_STEPS")]),
        (payload({"steps": [{}]}), [("task.steps[0]", "STEP_BLANK")]),
        (payload({"steps": [STEP, {"id": "b"}]}), [("task.steps[1]", "STEP_BLANK")]),
        (payload({"steps": [{"instructions": " "}]}), [("task.steps[0]", "STEP_BLANK")]),
        (payload({"steps": [{"skill": None}]}), [("task.steps[0]", "STEP_BLANK")]),
        (payload({"steps": [None]}), [("task.steps[0]", "WRONG_TYPE")]),
        (payload({"steps": ["go"]}), [("task.steps[0]", "WRONG_TYPE")]),
        (
            payload({"steps": [{"instructions": []}]}),
            [("task.steps[0].instructions", "WRONG_TYPE")],
        ),
        (
            payload({"steps": [{**STEP, "colour": 1}]}),
            [("task.steps[0].colour", "STEP_FIELD_UNKNOWN")],
        ),
        (
            payload({"steps": [{"skill": {"id": "a", "hue": 1}}]}),
            [("task.steps[0].skill.hue", "STEP_FIELD_UNKNOWN")],
        ),
        (payload({"steps": [{**STEP, "id": "a b"}]}), [("task.steps[0].id", "STEP_ID")]),
        (payload({"steps": [{**STEP, "id": "a" * 65}]}), [("task.steps[0].id", "STEP_ID")]),
        (payload({"steps": [{**STEP, "title": "a" * 201}]}), [("task.steps[0].title", "SIZE")]),
        (payload({"steps": [{**STEP, "title": "a\nb"}]}), [("task.steps[0].title", "BAD_TEXT")]),
        (
            payload({"steps": [{**STEP, "title": "a\u2028b"}]}),
            [("task.steps[0].title", "BAD_TEXT")],
        ),
        (payload({"steps": [{"skill": {}}]}), [("task.steps[0].skill.id", "REQUIRED")]),
        (payload({"steps": [{"skill": "x"}]}), [("task.steps[0].skill", "WRONG_TYPE")]),
        (payload({"steps": [{"skill": {"id": "../x"}}]}), [("task.steps[0].skill.id", "SKILL_ID")]),
        (payload({"skill": {"args": {}}}), [("task.skill.id", "REQUIRED")]),
        (payload({"skill": {"id": "Upper"}}), [("task.skill.id", "SKILL_ID")]),
        (payload({"skill": {"id": "a" * 65}}), [("task.skill.id", "SKILL_ID")]),
        (payload({"skill": {"id": "a", "args": []}}), [("task.skill.args", "WRONG_TYPE")]),
        (
            payload({"skill": {"id": "a", "requiredCapabilities": ["a b"]}}),
            [("task.skill.requiredCapabilities[0]", "CAPABILITY_NAME")],
        ),
        (payload(requiredCapabilities=[1]), [("requiredCapabilities[0]", "WRONG_TYPE")]),
        (payload(requiredCapabilities="gpu"), [("requiredCapabilities", "WRONG_TYPE")]),
        (payload(requiredCapabilities=["a"] * 65), [("requiredCapabilities", "SIZE")]),
        (payload({"runtime": {"model": "--yolo"}}), [("task.runtime.model", "MODEL_NAME")]),
        (payload({"runtime": {"effort": "very high"}}), [("task.runtime.effort", "EFFORT_NAME")]),
        (payload({"publish": {"mode": "merge"}}), [("task.publish.mode", "UNKNOWN_PUBLISH_MODE")]),
        (payload({"publish": {"mode": "PR"}}), [("task.publish.mode", "UNKNOWN_PUBLISH_MODE")]),
        (payload({"publish": {"mode": 1}}), [("task.publish.mode", "WRONG_TYPE")]),
        (payload({"publish": []}), [("task.publish", "WRONG_TYPE")]),
        (payload({"publish": {"prTitle": "a\nb"}}), [("task.publish.prTitle", "BAD_TEXT")]),
        (payload({"publish": {"prBody": "a" * 60_001}}), [("task.publish.prBody", "SIZE")]),
        (
            payload({"publish": {"prBaseBranch": "-x"}}),
            [("task.publish.prBaseBranch", "BRANCH_NAME")],
        ),
        (payload({"git": {"newBranch": "$(id)"}}), [("task.git.newBranch", "BRANCH_NAME")]),
        (
            payload({"git": {"startingBranch": "a..b"}}),
            [("task.git.startingBranch", "BRANCH_NAME")],
        ),
        (payload({"container": {"enabled": "yes"}}), [("task.container.enabled", "WRONG_TYPE")]),
        (payload(auth={"repoAuthRef": "hunter2"}), [("auth.repoAuthRef", "SECRET_REF")]),
        (
            payload(auth={"publishAuthRef": "vault://a/../b#c"}),
            [("auth.publishAuthRef", "SECRET_REF")],
        ),
        (payload(auth={"publishAuthRef": "vault://a/b"}), [("auth.publishAuthRef", "SECRET_REF")]),
    ],
)
def test_a_broken_rule_is_named_by_path_and_code(
    raw: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(raw) == expected


@pytest.mark.parametrize("name", sorted(OVERRIDES))
@pytest.mark.parametrize("value", ["x", None, {}])
def test_a_step_cannot_override_what_holds_for_the_task(name: str, value: object) -> None:
    raw = payload({"steps": [STEP, {**STEP, name: value}]})

    answer = plan(raw, Deployment())

    assert [(v.field, v.reason) for v in answer.violations] == [
        (f"task.steps[1].{name}", "STEP_OVERRIDE_FORBIDDEN")
    ]
    assert "task-level" in answer.violations[0].description


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("stepTimeoutSeconds", 1, 86_400),
        ("silenceSeconds", 1, 86_400),
        ("jobTimeoutSeconds", 1, 604_800),
        ("queueTimeoutSeconds", 1, 2_592_000),
        ("maxOutputBytes", 1_024, 16 * 1024**3),
        ("maxTokens", 1, 10**12),
        ("maxCostUsd", 0.01, 1_000_000),
    ],
)
def test_a_limit_holds_its_range(name: str, lowest: float, highest: float) -> None:
    path = f"task.limits.{name}"

    assert faults(payload({"limits": {name: lowest}})) == []
    assert faults(payload({"limits": {name: highest}})) == []
    assert faults(payload({"limits": {name: 0}})) == [(path, "LIMIT_RANGE")]
    assert faults(payload({"limits": {name: -1}})) == [(path, "LIMIT_RANGE")]
    assert faults(payload({"limits": {name: highest + 1}})) == [(path, "LIMIT_RANGE")]
    assert faults(payload({"limits": {name: "60"}})) == [(path, "WRONG_TYPE")]
    assert faults(payload({"limits": {name: True}})) == [(path, "WRONG_TYPE")]


def test_only_money_has_fractions() -> None:
    raw = payload({"limits": {"maxCostUsd": 1.5, "stepTimeoutSeconds": 1.5, "maxTokens": 5.0}})

    assert faults(raw) == [("task.limits.stepTimeoutSeconds", "WRONG_TYPE")]


def test_four_violations_of_one_payload_are_all_told() -> None:
    raw = payload(
        {
            "instructions": "  ",
            "steps": [{"instructions": "Go.", "runtime": {"mode": "claude"}}, {"title": " "}],
            "publish": {"mode": "merge"},
        }
    )

    assert faults(raw) == [
        ("task.instructions", "REQUIRED"),
        ("task.publish.mode", "UNKNOWN_PUBLISH_MODE"),
        ("task.steps[0].runtime", "STEP_OVERRIDE_FORBIDDEN"),
        ("task.steps[1]", "STEP_BLANK"),
    ]


def test_step_10_comes_after_step_2() -> None:
    steps = [{} if index in {2, 10} else STEP for index in range(11)]

    assert [path for path, _ in faults(payload({"steps": steps}))] == [
        "task.steps[2]",
        "task.steps[10]",
    ]


def test_unknown_fields_outside_of_steps_are_kept_and_warned_of() -> None:
    raw = payload({"publish": {"moed": "pr"}, "colour": {"a": [1]}}, target_runtim="codex")

    task: Any = planned(raw).task

    assert task["target_runtim"] == "codex"
    assert task["task"]["colour"] == {"a": [1]}
    assert task["task"]["publish"]["moed"] == "pr"
    assert warned(raw) == [
        ("target_runtim", "UNKNOWN_FIELD"),
        ("task.colour", "UNKNOWN_FIELD"),
        ("task.publish.moed", "UNKNOWN_FIELD"),
    ]


def test_a_misspelt_field_gets_a_suggestion() -> None:
    answer = plan(payload({"publish": {"moed": "pr"}}), Deployment())

    assert "Did you mean task.publish.mode?" in answer.warnings[0].description


def test_null_and_blank_mean_absent() -> None:
    bare = planned(payload())
    full = planned(
        payload(
            {
                "runtime": {"mode": " ", "model": None, "effort": ""},
                "skill": None,
                "steps": [],
                "git": None,
                "publish": {"mode": None, "prTitle": "  "},
                "limits": {"silenceSeconds": None},
                "container": None,
            },
            targetRuntime="",
            requiredCapabilities=None,
            auth={"repoAuthRef": None},
        )
    )

    assert full.digest == bare.digest


@pytest.mark.parametrize("name", ["image", "workdir", "artifactsSubdir", "pull"])
@pytest.mark.parametrize("blank", [None, "", " \n", "\u200b"])
def test_a_blank_field_of_a_container_is_left_out_as_an_absent_one_is(
    name: str, blank: str | None
) -> None:
    """Once a blank one was kept as null, and the canonical task had another digest than its own."""
    bare = planned(payload({"container": {"enabled": False}}))
    full = planned(payload({"container": {"enabled": False, name: blank}}))

    assert full.task == bare.task
    assert full.digest == bare.digest


def test_a_secret_in_the_place_of_a_reference_is_never_echoed() -> None:
    answer = plan(payload(auth={"repoAuthRef": "ghp_abcdefghijklmnop"}), Deployment())

    assert "ghp_" not in said(answer)


def test_a_secret_reference_is_kept_as_it_is() -> None:
    """Whether it leads anywhere is the orchestrator's to find out."""
    raw = payload(auth={"repoAuthRef": "vault://kv/team/git#token"})

    assert faults(raw) == []
    assert warned(raw) == []
    assert planned(raw).task["auth"] == {
        "repoAuthRef": "vault://kv/team/git#token",
        "publishAuthRef": None,
    }


def test_the_fields_of_a_container_that_is_off_are_kept() -> None:
    container = {"enabled": False, "image": "debian", "command": ["true"]}

    task: Any = planned(payload({"container": container})).task

    assert task["task"]["container"] == container


def test_line_ends_become_line_feeds() -> None:
    task: Any = planned(payload({"instructions": "a\r\nb\r\n"})).task

    assert task["task"]["instructions"] == "a\nb"


ALIASES = [
    ("repo", "o/r", "repository"),
    ("target_runtime", "claude", "targetRuntime"),
    ("task.publish.baseBranch", "main", "task.publish.prBaseBranch"),
]


def aliased(alias: str, value: object, **root: Any) -> dict[str, Any]:
    """A payload that says something under another spelling, and nothing under the first."""
    raw = payload(**root)
    if alias == "repo":
        del raw["repository"]
    *parts, name = alias.split(".")
    place = raw
    for part in parts:
        place = place.setdefault(part, {})
    place[name] = value
    return raw


@pytest.mark.parametrize(("alias", "value", "name"), ALIASES)
def test_an_alias_is_taken_for_its_field_with_a_warning(alias: str, value: str, name: str) -> None:
    answer = plan(aliased(alias, value), Deployment())

    assert answer.plan is not None
    assert answer.plan.provenance[name] == "explicit"
    assert alias not in answer.plan.provenance
    assert [(item.field, item.reason) for item in answer.warnings] == [(alias, "ALIAS")]
    assert f"Write {name.rpartition('.')[2]}." in answer.warnings[0].description


@pytest.mark.parametrize(
    ("alias", "value", "code"),
    [
        ("repo", "https://u:canary@example.com/a", "REPO_URL_DENIED"),
        ("repo", 1, "WRONG_TYPE"),
        ("target_runtime", "cursor", "UNKNOWN_RUNTIME"),
        ("task.publish.baseBranch", "a..b", "BRANCH_NAME"),
    ],
)
def test_a_violation_names_the_alias_that_was_written(alias: str, value: Any, code: str) -> None:
    assert faults(aliased(alias, value)) == [(alias, code)]


def test_an_alias_that_says_something_else_is_refused() -> None:
    raw = payload({"publish": {"prBaseBranch": "a", "baseBranch": "b"}}, repo="other/one")

    assert faults(raw) == [
        ("repo", "ALIAS_CONFLICT"),
        ("task.publish.baseBranch", "ALIAS_CONFLICT"),
    ]


def test_an_alias_that_says_the_same_is_only_warned_of() -> None:
    raw = payload(repo=" owner/repo ", targetRuntime="Codex", target_runtime="codex")

    assert faults(raw) == []
    assert warned(raw) == [("repo", "ALIAS"), ("target_runtime", "ALIAS")]


def test_a_blank_alias_says_nothing() -> None:
    raw = payload(repo=" ", target_runtime=None)

    assert faults(raw) == warned(raw) == []


def test_a_blank_field_leaves_the_word_to_its_alias() -> None:
    raw = payload(repository=" ", repo="o/r")

    assert planned(raw).task["repository"] == "o/r"


@pytest.mark.parametrize("name", ["repo", "target_runtime", "baseBranch"])
def test_aliases_hold_only_where_their_field_does(name: str) -> None:
    assert ("task.limits." + name, "UNKNOWN_FIELD") in warned(payload({"limits": {name: "x"}}))
