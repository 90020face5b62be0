"""The rules that look at more than one field, or at the deployment."""

from dataclasses import dataclass

from services.contract import repository
from services.contract.payload import Payload, SkillPart
from services.contract.report import Report
from services.contract.values import RUNTIMES, Deployment, Skill, SkillSource, Stage, Step

UNIVERSAL = "universal"
AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the rules make of a payload; meaningless when the report has violations."""

    repository: str
    runtime: str
    runtime_reason: str
    publish_mode: str
    stages: tuple[Stage, ...]
    task_skill: SkillPart
    steps: tuple[Step, ...]


def resolve(payload: Payload, deployment: Deployment, report: Report) -> Resolved:
    """Applies every rule; all violations are noted before it returns."""
    runtime, reason = _runtime(payload, deployment, report)
    _container(payload, report)
    _base_branch(payload, report)
    mode = _publish_mode(payload)
    task_skill = payload.skill or SkillPart(id=AUTO, args={}, required_capabilities=(), rest={})
    return Resolved(
        repository=_repository(payload, deployment, report),
        runtime=runtime,
        runtime_reason=reason,
        publish_mode=mode,
        stages=tuple(stage for stage in Stage if stage is not Stage.PUBLISH or mode != "none"),
        task_skill=task_skill,
        steps=_steps(payload, task_skill),
    )


def _repository(payload: Payload, deployment: Deployment, report: Report) -> str:
    path = ("repository",)
    address = payload.repository or deployment.default_repository
    if report.faulty(path):
        return ""
    if address is None:
        report.refuse(
            path,
            "REQUIRED",
            "No repository is named and this deployment has no default. Write owner/repo or a URL.",
        )
        return ""
    try:
        return repository.canonical(address, deployment)
    except repository.Denied as denied:
        report.refuse(path, "REPO_URL_DENIED", str(denied))
        return ""


def _runtime(payload: Payload, deployment: Deployment, report: Report) -> tuple[str, str]:
    given = {
        ("targetRuntime",): payload.target_runtime,
        ("task", "runtime", "mode"): payload.runtime_mode,
    }
    explicit = {path: value for path, value in given.items() if value is not None}
    for path, value in explicit.items():
        if value not in {*RUNTIMES, UNIVERSAL} and not report.faulty(path):
            report.refuse(
                path,
                "UNKNOWN_RUNTIME",
                f"There is no such runtime. Use {', '.join(RUNTIMES)} or {UNIVERSAL}.",
            )
    if not any(map(report.faulty, explicit)) and len(set(explicit.values())) > 1:
        report.refuse(
            ("task", "runtime", "mode"),
            "RUNTIME_CONFLICT",
            f"It says {payload.runtime_mode} and targetRuntime says {payload.target_runtime}."
            " Remove one of the two.",
        )
    for path, value in explicit.items():
        if value == UNIVERSAL:
            report.warn(
                path,
                "RUNTIME_RESOLVED",
                f"{UNIVERSAL} became this deployment's default, {deployment.default_runtime}.",
            )
            break
        return value, f"{'.'.join(path)} is {value}"
    default = deployment.default_runtime
    return default, f"{default} is this deployment's default runtime"


def _container(payload: Payload, report: Report) -> None:
    if not payload.container_enabled:
        return
    if payload.has_steps:
        report.refuse(
            ("task", "steps"),
            "CONTAINER_WITH_STEPS",
            "A task runs either its steps or a container. Remove the steps, or set"
            " task.container.enabled to false.",
        )
    else:
        report.refuse(
            ("task", "container", "enabled"),
            "CONTAINER_UNSUPPORTED",
            "This version runs no containers. Set it to false and let an agent do the task.",
        )


def _base_branch(payload: Payload, report: Report) -> None:
    base = payload.publish.known["prBaseBranch"]
    if base is not None and base == payload.git.known["newBranch"]:
        report.refuse(
            ("task", "publish", "prBaseBranch"),
            "BRANCH_NAME",
            "A pull request cannot go from a branch into itself. Choose a base other than"
            " task.git.newBranch.",
        )


def _publish_mode(payload: Payload) -> str:
    mode = payload.publish.known["mode"]
    return mode if isinstance(mode, str) else "pr"


def _steps(payload: Payload, task_skill: SkillPart) -> tuple[Step, ...]:
    inherited = Skill(
        task_skill.id,
        task_skill.args,
        SkillSource.DEFAULT if payload.skill is None else SkillSource.TASK,
    )
    if not payload.steps:
        return (Step(index=0, id="step-1", title="", instructions="", skill=inherited),)
    return tuple(
        Step(
            index=index,
            id=part.id or f"step-{index + 1}",
            title=part.title or "",
            instructions=part.instructions or "",
            skill=inherited
            if part.skill is None
            else Skill(part.skill.id, part.skill.args, SkillSource.STEP),
        )
        for index, part in enumerate(payload.steps)
    )
