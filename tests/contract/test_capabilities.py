"""What a fleet must offer, in which order, for which reasons."""

from typing import Any

from services.contract.values import Deployment
from tests.contract.payloads import payload, planned


def names(raw: dict[str, Any]) -> list[str]:
    """The names a plan requires, in order."""
    return [capability.name for capability in planned(raw).capabilities]


def test_a_bare_task_needs_its_runtime_git_and_gh() -> None:
    assert names(payload()) == ["codex", "git", "gh"]


def test_only_pull_requests_need_gh() -> None:
    assert names(payload({"publish": {"mode": "branch"}})) == ["codex", "git"]
    assert names(payload({"publish": {"mode": "none"}})) == ["codex", "git"]


def test_capabilities_come_in_order_of_need_once_each() -> None:
    raw = payload(
        {
            "skill": {"id": "a", "requiredCapabilities": ["Node", "git"]},
            "steps": [
                {"instructions": "x"},
                {"skill": {"id": "b", "requiredCapabilities": ["gpu", "qdrant"]}},
            ],
        },
        requiredCapabilities=[" Qdrant ", "qdrant", "", "gh"],
        targetRuntime="claude",
    )

    assert names(raw) == ["qdrant", "gh", "claude", "git", "node", "gpu"]


def test_each_capability_tells_everything_that_asks_for_it() -> None:
    raw = payload(
        {"steps": [{"skill": {"id": "b", "requiredCapabilities": ["gh", "codex"]}}]},
        targetRuntime="Codex",
    )

    reasons = {item.name: item.reasons for item in planned(raw).capabilities}

    assert reasons == {
        "codex": (
            "targetRuntime is codex",
            "task.steps[0].skill.requiredCapabilities names it for b",
        ),
        "git": ("every task works in a git repository",),
        "gh": (
            "task.publish.mode is pr (default)",
            "task.steps[0].skill.requiredCapabilities names it for b",
        ),
    }


def test_a_container_needs_docker() -> None:
    container = {"enabled": True, "image": "debian:12", "command": ["make"]}

    made = planned(payload({"container": container}), Deployment(containers=True))

    assert [item.name for item in made.capabilities] == ["codex", "git", "gh", "docker"]
    assert made.capabilities[3].reasons == ("task.container.enabled is true",)
