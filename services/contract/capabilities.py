"""Derives what a fleet must offer to take a task, each with its reasons."""

from collections.abc import Iterator

from services.contract.payload import Payload
from services.contract.rules import Resolved
from services.contract.values import Capability


def required(payload: Payload, resolved: Resolved) -> tuple[Capability, ...]:
    """In order of first need; a name that is needed twice has two reasons."""
    reasons: dict[str, list[str]] = {}
    for name, reason in _needs(payload, resolved):
        reasons.setdefault(name, []).append(reason)
    return tuple(Capability(name, tuple(why)) for name, why in reasons.items())


def _needs(payload: Payload, resolved: Resolved) -> Iterator[tuple[str, str]]:
    for name in payload.required_capabilities:
        yield name, "requiredCapabilities names it"
    yield resolved.runtime, resolved.runtime_reason
    yield "git", "every task works in a git repository"
    if resolved.publish_mode == "pr":
        default = "" if payload.publish.known["mode"] else " (default)"
        yield "gh", f"task.publish.mode is pr{default}"
    if payload.container_enabled:
        yield "docker", "task.container.enabled is true"
    for name in resolved.task_skill.required_capabilities:
        yield name, f"task.skill.requiredCapabilities names it for {resolved.task_skill.id}"
    for index, step in enumerate(payload.steps):
        if step.skill is not None:
            for name in step.skill.required_capabilities:
                where = f"task.steps[{index}].skill.requiredCapabilities"
                yield name, f"{where} names it for {step.skill.id}"
