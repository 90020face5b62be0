"""The rules of a payload as data: what each accepts, what each refuses and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.contract.values import Deployment
from tests.contract.payloads import payload

Fault = tuple[str, str]
STEP = {"instructions": "Do it."}
LOCAL = Deployment(allow_local_repositories=True)
DEFAULTS = Deployment(default_repository="acme/site", default_runtime="gemini")
CONTAINERS = Deployment(containers=True)
IMAGE = {"enabled": True, "image": "debian:12", "command": ["make"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A payload that keeps the rule, with what its plan then says."""

    raw: Mapping[str, Any]
    deployment: Deployment = field(default_factory=Deployment)
    says: Mapping[str, Any] = field(default_factory=dict)
    """Path in the canonical task, such as ``task.publish.mode``, to its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A payload that breaks the rule, with every violation."""

    raw: Mapping[str, Any]
    faults: tuple[Fault, ...]
    deployment: Deployment = field(default_factory=Deployment)


def ok(raw: Mapping[str, Any], deployment: Deployment | None = None, **says: Any) -> Accepted:
    """Shorthand; in `says` two underscores stand for a dot."""
    told = {path.replace("__", "."): value for path, value in says.items()}
    return Accepted(raw=raw, deployment=deployment or Deployment(), says=told)


def no(raw: Mapping[str, Any], *faults: Fault, deployment: Deployment | None = None) -> Refused:
    """Shorthand."""
    return Refused(raw=raw, faults=faults, deployment=deployment or Deployment())


def publish(**fields: Any) -> dict[str, Any]:
    return payload({"publish": fields})


def step(**fields: Any) -> dict[str, Any]:
    return payload({"steps": [STEP, {**STEP, **fields}]})


def container(**fields: Any) -> dict[str, Any]:
    return payload({"container": {**IMAGE, **fields}})


def git(**fields: Any) -> dict[str, Any]:
    return payload({"git": fields})


RULES: dict[str, list[Accepted | Refused]] = {
    "1 the objective is required": [
        ok(payload(), task__instructions="Reach the goal."),
        ok(payload({"instructions": "  x\r\ny "}), task__instructions="x\ny"),
        no({"repository": "o/r", "task": {}}, ("task.instructions", "REQUIRED")),
        no({"repository": "o/r", "task": {"steps": [STEP]}}, ("task.instructions", "REQUIRED")),
        no(payload({"instructions": "\n \t"}), ("task.instructions", "REQUIRED")),
        no(payload({"instructions": "\u200b\u2800"}), ("task.instructions", "REQUIRED")),
    ],
    "2 no steps mean one implicit step": [
        ok(payload(), task__steps=[]),
        ok(payload({"steps": None}), task__steps=[]),
        ok(payload({"steps": []}), task__steps=[]),
        no(payload({"steps": {}}), ("task.steps", "WRONG_TYPE")),
        no(payload({"steps": ""}), ("task.steps", "WRONG_TYPE")),
    ],
    "3 a step is closed": [
        ok(step(id="a", title="T", skill={"id": "s", "args": {"n": 1}})),
        no(step(colour="red"), ("task.steps[1].colour", "STEP_FIELD_UNKNOWN")),
        no(step(skill={"id": "s", "x": 1}), ("task.steps[1].skill.x", "STEP_FIELD_UNKNOWN")),
        *(
            no(step(**{name: None}), (f"task.steps[1].{name}", "STEP_OVERRIDE_FORBIDDEN"))
            for name in (
                *("runtime", "targetRuntime", "target_runtime", "model", "effort", "repository"),
                *("repo", "git", "publish", "container", "auth", "limits"),
            )
        ),
    ],
    "4 a step says something": [
        ok(payload({"steps": [{"instructions": " x "}]})),
        ok(payload({"steps": [{"skill": {"id": "s"}}]})),
        no(payload({"steps": [STEP, {}]}), ("task.steps[1]", "STEP_BLANK")),
        no(
            payload({"steps": [{"instructions": " ", "title": "T"}]}),
            ("task.steps[0]", "STEP_BLANK"),
        ),
        no(payload({"steps": [{"skill": None}]}), ("task.steps[0]", "STEP_BLANK")),
    ],
    "5 a step has an id": [
        ok(payload({"steps": [{**STEP, "id": "a"}, {**STEP, "id": "a"}]})),
        ok(step(id="A-1.b_c")),
        ok(step(id="x" * 64)),
        no(step(id="x" * 65), ("task.steps[1].id", "STEP_ID")),
        no(step(id="a b"), ("task.steps[1].id", "STEP_ID")),
        no(step(id="é"), ("task.steps[1].id", "STEP_ID")),
        no(step(id=7), ("task.steps[1].id", "WRONG_TYPE")),
    ],
    "6 a skill has an id": [
        ok(payload(), task__skill={"id": "auto", "args": {}, "requiredCapabilities": []}),
        ok(payload({"skill": {"id": "a.b_c-1", "args": None}}), task__skill__args={}),
        ok(payload({"skill": {"id": "x" * 64}})),
        no(payload({"skill": {}}), ("task.skill.id", "REQUIRED")),
        no(payload({"skill": {"id": " "}}), ("task.skill.id", "REQUIRED")),
        no(payload({"skill": {"id": "x" * 65}}), ("task.skill.id", "SKILL_ID")),
        no(payload({"skill": {"id": "Upper"}}), ("task.skill.id", "SKILL_ID")),
        no(payload({"skill": {"id": ".hidden"}}), ("task.skill.id", "SKILL_ID")),
        no(payload({"skill": {"id": "../up"}}), ("task.skill.id", "SKILL_ID")),
        no(payload({"skill": {"id": "s", "args": [1]}}), ("task.skill.args", "WRONG_TYPE")),
        no(step(skill={"args": {}}), ("task.steps[1].skill.id", "REQUIRED")),
        no(step(skill="s"), ("task.steps[1].skill", "WRONG_TYPE")),
    ],
    "7 one runtime": [
        ok(payload(), DEFAULTS, targetRuntime="gemini", task__runtime__mode="gemini"),
        ok(payload(targetRuntime=" CLAUDE "), targetRuntime="claude", task__runtime__mode="claude"),
        ok(payload({"runtime": {"mode": "gemini"}}), targetRuntime="gemini"),
        ok(payload({"runtime": {"mode": "codex"}}, targetRuntime="Codex"), targetRuntime="codex"),
        ok(payload(targetRuntime="universal"), DEFAULTS, targetRuntime="gemini"),
        no(payload(targetRuntime="cursor"), ("targetRuntime", "UNKNOWN_RUNTIME")),
        no(payload({"runtime": {"mode": "auto"}}), ("task.runtime.mode", "UNKNOWN_RUNTIME")),
        no(
            payload({"runtime": {"mode": "codex"}}, targetRuntime="claude"),
            ("task.runtime.mode", "RUNTIME_CONFLICT"),
        ),
        no(
            payload({"runtime": {"mode": "codex"}}, targetRuntime="universal"),
            ("task.runtime.mode", "RUNTIME_CONFLICT"),
        ),
    ],
    "8 a way to publish": [
        ok(payload(), task__publish__mode="pr"),
        ok(publish(mode=None), task__publish__mode="pr"),
        ok(publish(mode=" branch "), task__publish__mode="branch"),
        ok(publish(mode="none"), task__publish__mode="none"),
        no(publish(mode="merge"), ("task.publish.mode", "UNKNOWN_PUBLISH_MODE")),
        no(publish(mode="PR"), ("task.publish.mode", "UNKNOWN_PUBLISH_MODE")),
        no(publish(mode=True), ("task.publish.mode", "WRONG_TYPE")),
    ],
    "9 a container or steps": [
        ok(payload({"container": {"enabled": False}, "steps": [STEP]})),
        ok(container(), CONTAINERS, task__container__pull="if-missing", task__steps=[]),
        ok(
            container(
                workdir="/work",
                env={"LANG": "C"},
                artifactsSubdir="out/a",
                timeoutSeconds=1,
                pull="always",
                resources={"cpus": 0.5, "memory": "4g"},
                cacheVolumes=[{"name": "pip", "target": "/root/.cache"}],
            ),
            CONTAINERS,
            task__container__timeoutSeconds=1,
        ),
        no(
            payload({"container": IMAGE, "steps": [STEP]}),
            ("task.steps", "CONTAINER_WITH_STEPS"),
            deployment=CONTAINERS,
        ),
        no(container(), ("task.container.enabled", "CONTAINER_UNSUPPORTED")),
        no(
            payload({"container": {"enabled": True}}),
            ("task.container.command", "CONTAINER_FIELD"),
            ("task.container.image", "CONTAINER_FIELD"),
            deployment=CONTAINERS,
        ),
        *(
            no(container(**{name: value}), (f"task.container.{path}", code), deployment=CONTAINERS)
            for name, value, path, code in [
                ("command", [], "command", "CONTAINER_FIELD"),
                ("command", "make", "command", "WRONG_TYPE"),
                ("command", ["make", 1], "command[1]", "WRONG_TYPE"),
                ("image", "-it", "image", "CONTAINER_FIELD"),
                ("workdir", "work", "workdir", "CONTAINER_FIELD"),
                ("workdir", "/a/../b", "workdir", "CONTAINER_FIELD"),
                ("env", {"job_id": "x"}, "env.job_id", "CONTAINER_FIELD"),
                ("env", {"REPOSITORY": "x"}, "env.REPOSITORY", "CONTAINER_FIELD"),
                ("env", {"Artifact_Dir": "x"}, "env.Artifact_Dir", "CONTAINER_FIELD"),
                ("env", {"A-B": "x"}, "env.A-B", "CONTAINER_FIELD"),
                ("env", {"A": 1}, "env.A", "WRONG_TYPE"),
                ("artifactsSubdir", "../up", "artifactsSubdir", "CONTAINER_FIELD"),
                ("artifactsSubdir", "/abs", "artifactsSubdir", "CONTAINER_FIELD"),
                ("timeoutSeconds", 0, "timeoutSeconds", "CONTAINER_FIELD"),
                ("timeoutSeconds", "1m", "timeoutSeconds", "WRONG_TYPE"),
                ("pull", "never", "pull", "CONTAINER_FIELD"),
                ("resources", {"cpus": 0}, "resources.cpus", "CONTAINER_FIELD"),
                ("resources", {"memory": "lots"}, "resources.memory", "CONTAINER_FIELD"),
                (
                    "cacheVolumes",
                    [{"name": "../x", "target": "/a"}],
                    "cacheVolumes[0].name",
                    "CONTAINER_FIELD",
                ),
                (
                    "cacheVolumes",
                    [{"name": "x", "target": "a"}],
                    "cacheVolumes[0].target",
                    "CONTAINER_FIELD",
                ),
                ("cacheVolumes", [{"name": "x"}], "cacheVolumes[0].target", "REQUIRED"),
            ]
        ),
    ],
    "10 a repository without credentials": [
        ok(payload(repository="owner/repo"), repository="owner/repo"),
        ok(
            payload(repository="HTTPS://Git.Example.com/a/b/"),
            repository="https://git.example.com/a/b",
        ),
        ok(payload(repository="ssh://git@example.com:22/a")),
        ok(payload(repository="git@example.com:a/b.git")),
        ok(payload(repository=None), DEFAULTS, repository="acme/site"),
        ok(payload(repository="/srv/repo"), LOCAL),
        ok(payload(repository="file:///srv/repo"), LOCAL),
        no(payload(repository=None), ("repository", "REQUIRED")),
        *(
            no(payload(repository=address), ("repository", "REPO_URL_DENIED"))
            for address in (
                "https://u:canary@example.com/a",
                "https://canary@example.com/a",
                "git@127.0.0.1:a",
                "ext::sh -c id",
                "--upload-pack=id",
                "/srv/repo",
                "file:///srv/repo",
                "http://example.com/a",
            )
        ),
    ],
    "11 references, no secrets": [
        ok(payload(auth={"repoAuthRef": "vault://kv/team/git#token"})),
        ok(payload(auth={"repoAuthRef": None, "publishAuthRef": " "})),
        *(
            no(payload(auth={"publishAuthRef": reference}), ("auth.publishAuthRef", code))
            for reference, code in [
                ("ghp_canary", "SECRET_REF"),
                ("vault://kv/team", "SECRET_REF"),
                ("vault://kv/../x#f", "SECRET_REF"),
                ("vault://kv/./x#f", "SECRET_REF"),
                ("https://kv/x#f", "SECRET_REF"),
                (f"vault://kv/{'x' * 512}#f", "SIZE"),
            ]
        ),
    ],
    "12 branches as git has them": [
        ok(git(newBranch="feature/a-1.b_c")),
        ok(git(newBranch="x" * 200)),
        ok(git(startingBranch="ünïcode", newBranch="a")),
        ok(payload({"publish": {"prBaseBranch": "main"}, "git": {"newBranch": "b"}})),
        *(
            no(git(newBranch=name), ("task.git.newBranch", "BRANCH_NAME"))
            for name in (
                "-a",
                "$(id)",
                "a..b",
                "a.lock",
                "x" * 201,
                "é",
                "a b",
                "HEAD",
                "a/",
                "refs/a",
            )
        ),
        *(
            no(git(startingBranch=name), ("task.git.startingBranch", "BRANCH_NAME"))
            for name in ("-a", "a..b", "a~1", "@{-1}", "a\u200db", "refs/heads/a")
        ),
        no(
            payload({"publish": {"prBaseBranch": "b"}, "git": {"newBranch": "b"}}),
            ("task.publish.prBaseBranch", "BRANCH_NAME"),
        ),
    ],
    "13 everything has a size": [
        ok(payload({"instructions": "x" * 262_144})),
        ok(payload({"steps": [STEP] * 100})),
        ok(step(title="é" * 200)),
        ok(payload(later={"kept": [1, 2]}), later={"kept": [1, 2]}),
        ok(publish(later=1), task__publish__later=1),
        no(payload({"instructions": "x" * 262_145}), ("task.instructions", "SIZE")),
        no(step(instructions="x" * 262_145), ("task.steps[1].instructions", "SIZE")),
        no(payload({"steps": [STEP] * 101}), ("task.steps", "TOO_MANY_STEPS")),
        no(step(title="x" * 201), ("task.steps[1].title", "SIZE")),
        no(payload(later="x" * 2**20), ("", "SIZE")),
        no(payload(later=[0] * 5_001), ("", "SIZE")),
        no(
            payload({"instructions": "x" * 262_144, "steps": [STEP] * 13}),
            ("task.steps", "PLAN_TOO_LARGE"),
        ),
        no(payload(requiredCapabilities=["x"] * 65), ("requiredCapabilities", "SIZE")),
    ],
    "14 capabilities are words": [
        ok(payload(requiredCapabilities=[" GPU ", "gpu", ""]), requiredCapabilities=["gpu"]),
        ok(payload({"skill": {"id": "s", "requiredCapabilities": ["a.b:c/d+e-f"]}})),
        no(payload(requiredCapabilities=["a b"]), ("requiredCapabilities[0]", "CAPABILITY_NAME")),
        no(
            payload(requiredCapabilities=["x" * 65]), ("requiredCapabilities[0]", "CAPABILITY_NAME")
        ),
        no(payload(requiredCapabilities=[1]), ("requiredCapabilities[0]", "WRONG_TYPE")),
        no(payload(requiredCapabilities="gpu"), ("requiredCapabilities", "WRONG_TYPE")),
    ],
    "limits have a range": [
        ok(payload(), task__limits__stepTimeoutSeconds=3600, task__limits__maxTokens=None),
        ok(payload({"limits": {"maxCostUsd": 0.01}}), task__limits__maxCostUsd=0.01),
        *(
            no(payload({"limits": {name: value}}), (f"task.limits.{name}", code))
            for name, value, code in [
                ("stepTimeoutSeconds", 0, "LIMIT_RANGE"),
                ("maxOutputBytes", 1_023, "LIMIT_RANGE"),
                ("maxTokens", 1.5, "WRONG_TYPE"),
                ("maxTokens", float("inf"), "BAD_NUMBER"),
                ("maxCostUsd", float("nan"), "BAD_NUMBER"),
            ]
        ),
    ],
}
"""Stages, the fifteenth rule, have a test of their own beside this table."""
