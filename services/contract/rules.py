"""The rules that look at more than one field, or at the deployment."""

from dataclasses import dataclass
from typing import Any

from services.contract import repository
from services.contract.payload import UNIVERSAL, Payload
from services.contract.report import Path, Report
from services.contract.values import Deployment, Origin, Skill, SkillSource, Stage, Step

REPOSITORY: Path = ("repository",)
TARGET: Path = ("targetRuntime",)
MODE: Path = ("task", "runtime", "mode")
STEPS: Path = ("task", "steps")
CONTAINER: Path = ("task", "container")
BASE: Path = ("task", "publish", "prBaseBranch")


PUBLISHED = (Stage.PREPARE, Stage.EXECUTE, Stage.PUBLISH)
UNPUBLISHED = PUBLISHED[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the rules make of a payload; meaningless when the report has violations."""

    runtime_reason: str
    stages: tuple[Stage, ...]
    steps: tuple[Step, ...]


def apply(payload: Payload, deployment: Deployment, report: Report) -> Resolved:
    """Applies every rule and completes the payload's values to the canonical task.

    All violations are noted before it returns.
    """
    _repository(payload, deployment, report)
    reason = _runtime(payload, deployment, report)
    _blank_steps(payload, report)
    _container(payload, deployment, report)
    _base_branch(payload, report)
    mode = payload.values["task"]["publish"]["mode"]
    return Resolved(
        runtime_reason=reason,
        stages=UNPUBLISHED if mode == "none" else PUBLISHED,
        steps=_steps(payload),
    )


def _repository(payload: Payload, deployment: Deployment, report: Report) -> None:
    path = payload.given(REPOSITORY)
    address = payload.values["repository"]
    if report.faulty(path):
        return
    if address is None:
        address = deployment.default_repository
    if address is None:
        report.refuse(
            path,
            "REQUIRED",
            "No repository is named and this deployment has no default. Write owner/repo or a URL.",
        )
        return
    try:
        canonical = repository.canonical(address, deployment)
    except repository.Denied as denied:
        report.refuse(path, "REPO_URL_DENIED", str(denied))
        return
    if canonical != payload.values["repository"]:
        if payload.values["repository"] is not None:
            payload.origins[REPOSITORY] = Origin.DERIVED
        payload.values["repository"] = canonical


def _runtime(payload: Payload, deployment: Deployment, report: Report) -> str:
    """Settles the runtime's two fields; returns why it is what it is."""
    values, settings = payload.values, payload.values["task"]["runtime"]
    given = [
        (path, value)
        for path, value in ((TARGET, values["targetRuntime"]), (MODE, settings["mode"]))
        if value is not None
    ]
    if len(given) == 2 and given[0][1] != given[1][1]:
        report.refuse(
            MODE,
            "RUNTIME_CONFLICT",
            f"It says {settings['mode']} and targetRuntime says {values['targetRuntime']}."
            " Remove one of the two.",
        )
    runtime = deployment.default_runtime
    reason = f"{runtime} is this deployment's default runtime"
    if given:
        path, value = given[0]
        spelling = ".".join(map(str, payload.given(path)))
        reason = f"{spelling} is {value}"
        if value == UNIVERSAL:
            report.warn(
                payload.given(path),
                "RUNTIME_RESOLVED",
                f"{UNIVERSAL} became this deployment's default, {runtime}.",
            )
            reason = f"{reason}, this deployment's default runtime is {runtime}"
        else:
            runtime = value
    for path, value, where in (
        (TARGET, values["targetRuntime"], values),
        (MODE, settings["mode"], settings),
    ):
        if value != runtime:
            payload.origins[path] = Origin.DERIVED if given else Origin.DEFAULTED
            where[str(path[-1])] = runtime
    return reason


def _blank_steps(payload: Payload, report: Report) -> None:
    for index, step in enumerate(payload.values["task"]["steps"]):
        path: Path = (*STEPS, index)
        silent = step["instructions"] is None and step["skill"] is None
        if (
            silent
            and not report.faulty(path)
            and not report.faulty((*path, "instructions"))
            and not report.faulty((*path, "skill"))
        ):
            report.refuse(
                path,
                "STEP_BLANK",
                "The step says nothing. Give it instructions or a skill, or remove it.",
            )


def _container(payload: Payload, deployment: Deployment, report: Report) -> None:
    container = payload.values["task"]["container"]
    if not container["enabled"]:
        return
    if payload.values["task"]["steps"] or report.faulty(STEPS):
        report.refuse(
            STEPS,
            "CONTAINER_WITH_STEPS",
            "A task runs either its steps or a container. Remove the steps, or set"
            " task.container.enabled to false.",
        )
    elif not deployment.containers:
        report.refuse(
            (*CONTAINER, "enabled"),
            "CONTAINER_UNSUPPORTED",
            "This version runs no containers. Set it to false and let an agent do the task.",
        )
    if not deployment.containers:
        return
    for name, what in (("image", "an image"), ("command", "a command")):
        path = (*CONTAINER, name)
        if not container.get(name) and not report.faulty(path):
            report.refuse(
                path,
                "CONTAINER_FIELD",
                f"A container that is enabled needs {what}. Add it, or set"
                " task.container.enabled to false.",
            )
    if "pull" not in container:
        container["pull"] = "if-missing"
        payload.origins[*CONTAINER, "pull"] = Origin.DEFAULTED


def _base_branch(payload: Payload, report: Report) -> None:
    task = payload.values["task"]
    base = task["publish"]["prBaseBranch"]
    if base is not None and base == task["git"]["newBranch"]:
        report.refuse(
            payload.given(BASE),
            "BRANCH_NAME",
            "A pull request cannot go from a branch into itself. Choose a base other than"
            " task.git.newBranch.",
        )


def _steps(payload: Payload) -> tuple[Step, ...]:
    """The steps that run, and the canonical ones' ids where none were given."""
    task = payload.values["task"]
    implied = payload.origins.get(("task", "skill", "id")) is Origin.DEFAULTED
    source = SkillSource.DEFAULT if implied else SkillSource.TASK
    inherited = Skill(task["skill"]["id"], task["skill"]["args"], source)
    if not task["steps"]:
        return (Step(index=0, id="step-1", title="", instructions="", skill=inherited),)
    return tuple(
        _step(step, index, inherited, payload.origins) for index, step in enumerate(task["steps"])
    )


def _step(step: dict[str, Any], index: int, inherited: Skill, origins: dict[Path, Origin]) -> Step:
    if step["id"] is None:
        step["id"] = f"step-{index + 1}"
        origins[*STEPS, index, "id"] = Origin.DERIVED
    own = step["skill"]
    return Step(
        index=index,
        id=step["id"],
        title=step["title"] or "",
        instructions=step["instructions"] or "",
        skill=inherited if own is None else Skill(own["id"], own["args"], SkillSource.STEP),
    )
