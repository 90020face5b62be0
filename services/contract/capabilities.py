"""Derives what a fleet must offer to take a task, each with its reasons."""

from collections.abc import Iterator

from services.contract.payload import Payload
from services.contract.rules import Resolved
from services.contract.values import Capability, Origin


def required(payload: Payload, resolved: Resolved) -> tuple[Capability, ...]:
    """In order of first need; a name that is needed twice has two reasons."""
    reasons: dict[str, list[str]] = {}
    for name, reason in _needs(payload, resolved):
        reasons.setdefault(name, []).append(reason)
    return tuple(Capability(name, tuple(why)) for name, why in reasons.items())


def _needs(payload: Payload, resolved: Resolved) -> Iterator[tuple[str, str]]:
    values, task = payload.values, payload.values["task"]
    for name in values["requiredCapabilities"]:
        yield name, "requiredCapabilities names it"
    yield values["targetRuntime"], resolved.runtime_reason
    yield "git", "every task works in a git repository"
    if task["publish"]["mode"] == "pr":
        implied = payload.origins["task", "publish", "mode"] is Origin.DEFAULTED
        yield "gh", "task.publish.mode is pr (default)" if implied else "task.publish.mode is pr"
    if task["container"]["enabled"]:
        yield "docker", "task.container.enabled is true"
    skill = task["skill"]
    for name in skill["requiredCapabilities"]:
        yield name, f"task.skill.requiredCapabilities names it for {skill['id']}"
    for index, step in enumerate(task["steps"]):
        if own := step["skill"]:
            for name in own["requiredCapabilities"]:
                where = f"task.steps[{index}].skill.requiredCapabilities"
                yield name, f"{where} names it for {own['id']}"
