"""Declares the payload: every field with its kind, its bounds and what it is for.

Reading, the JSON Schema and the table in docs/task.md all come from here.
"""

from dataclasses import dataclass
from typing import Any

from services.contract import branches
from services.contract.container import CONTAINER
from services.contract.kinds import Listing, Part
from services.contract.reading import Reading
from services.contract.report import Path, Report
from services.contract.scalars import Number, Text
from services.contract.steps import AUTO, INSTRUCTIONS_LIMIT, MOST_STEPS, STEP, capabilities, skill
from services.contract.values import RUNTIMES, Json, Origin

UNIVERSAL = "universal"

_RUNTIME_REMEDY = f"There is no such runtime. Use {', '.join(RUNTIMES)} or {UNIVERSAL}."

_REFERENCE = (
    r"vault://(?!\.{1,2}/)[A-Za-z0-9._-]+(?:/(?!\.{1,2}[/#])[A-Za-z0-9._-]+)+#[A-Za-z0-9._-]+"
)


def _runtime(about: str) -> Text:
    return Text(
        about=about,
        most=64,
        choices=(*RUNTIMES, UNIVERSAL),
        folded=True,
        code="UNKNOWN_RUNTIME",
        remedy=_RUNTIME_REMEDY,
    )


def _secret(about: str) -> Text:
    return Text(
        about=about,
        most=512,
        form=_REFERENCE,
        code="SECRET_REF",
        remedy="It is no reference to a secret. Write vault://mount/path#field; if a secret itself"
        " stood here, revoke it.",
        examples=("vault://kv/team/git#token",),
    )


def _branch(about: str, *, example: str) -> Text:
    return Text(
        about=about,
        most=255,
        code="BRANCH_NAME",
        judged=lambda name: _sentence(branches.fault_of_existing(name)),
        told=branches.TOLD_OF_EXISTING,
        examples=(example,),
    )


def _sentence(fault: str | None) -> str | None:
    return fault and f"{fault}."


TASK = Part(
    about="What is to be done.",
    fields={
        "instructions": Text(
            about="The objective of all steps together. It stands in every step's prompt.",
            most=INSTRUCTIONS_LIMIT,
            lines=True,
            required="The objective is missing or blank. Say what the whole task is to reach, also"
            " when there are steps.",
            examples=("Add rate limits to the public API, with tests.",),
        ),
        "runtime": Part(
            about="Which command line tool does the work.",
            fields={
                "mode": _runtime("The same as `targetRuntime`, which it must not contradict."),
                "model": Text(
                    about="The model, as the runtime names it; the runtime's own default where"
                    " absent.",
                    most=4096,
                    form=r"[A-Za-z0-9][A-Za-z0-9._:/@+\[\]-]{0,127}",
                    code="MODEL_NAME",
                    remedy="This is no name of a model. Use at most 128 letters, digits and"
                    " ._:/@+[]-, the first a letter or digit.",
                    examples=("gpt-5-codex",),
                ),
                "effort": Text(
                    about="How long the model may think, in the runtime's own word for it.",
                    most=4096,
                    form=r"[a-z][a-z0-9-]{0,31}",
                    code="EFFORT_NAME",
                    remedy="This is no effort. Use one lower-case word that the runtime knows.",
                    examples=("high",),
                ),
            },
        ),
        "skill": skill(
            "The procedure for every step that names none; `auto` leaves it to the agent.",
            stand_in={"id": AUTO},
        ),
        "steps": Listing(
            about="The steps in order. One step without instructions of its own where absent.",
            item=STEP,
            most=MOST_STEPS,
            code="TOO_MANY_STEPS",
        ),
        "git": Part(
            about="Where the work starts and where it goes.",
            fields={
                "startingBranch": _branch(
                    "The branch to start from; the repository's default branch where absent.",
                    example="main",
                ),
                "newBranch": Text(
                    about="The branch to make for the work. Where absent: the starting branch if"
                    " it is not the default one, else a name made of date and job.",
                    most=4096,
                    code="BRANCH_NAME",
                    judged=lambda name: _sentence(branches.fault_of_new(name)),
                    told=branches.TOLD_OF_NEW,
                    examples=("feature/rate-limits",),
                ),
            },
        ),
        "publish": Part(
            about="What becomes of the result.",
            aliases={"baseBranch": "prBaseBranch"},
            fields={
                "mode": Text(
                    about="`pr` pushes a branch and opens a pull request, `branch` only pushes,"
                    " `none` keeps the patch as an artifact.",
                    most=64,
                    choices=("none", "branch", "pr"),
                    default="pr",
                    code="UNKNOWN_PUBLISH_MODE",
                    remedy="There is no such mode. Use none, branch or pr.",
                ),
                "prBaseBranch": _branch(
                    "The branch the pull request is to go into; the starting branch where absent.",
                    example="main",
                ),
                "commitMessage": Text(
                    about="The message of the one commit; written by Pawl where absent.",
                    most=16 * 1024,
                    lines=True,
                    examples=("Add rate limits",),
                ),
                "prTitle": Text(
                    about="The pull request's title; written by Pawl where absent.",
                    most=256,
                    examples=("Add rate limits",),
                ),
                "prBody": Text(
                    about="The pull request's text; written by Pawl where absent.",
                    most=60_000,
                    lines=True,
                    examples=("Closes the gap that the load test found.",),
                ),
            },
        ),
        "limits": Part(
            about="When work ends early. What was done so far is kept.",
            fields={
                "stepTimeoutSeconds": Number(
                    about="Time of one step.", low=1, high=86_400, default=3_600
                ),
                "silenceSeconds": Number(
                    about="Time for which a step may print nothing and do nothing.",
                    low=1,
                    high=86_400,
                    default=900,
                ),
                "jobTimeoutSeconds": Number(
                    about="Time of the whole job, from its first claim.",
                    low=1,
                    high=604_800,
                    default=43_200,
                ),
                "queueTimeoutSeconds": Number(
                    about="Time for which the job may wait in the queue.",
                    low=1,
                    high=2_592_000,
                    examples=(86_400,),
                ),
                "maxOutputBytes": Number(
                    about="Bytes one step may print.",
                    low=1_024,
                    high=16 * 1024**3,
                    default=256 * 1024**2,
                ),
                "maxTokens": Number(
                    about="Tokens of all steps together, as far as the runtime reports them.",
                    low=1,
                    high=10**12,
                    examples=(2_000_000,),
                ),
                "maxCostUsd": Number(
                    about="Cost of all steps together, as far as the runtime reports it.",
                    low=0.01,
                    high=1_000_000,
                    whole=False,
                    examples=(12.5,),
                ),
            },
        ),
        "container": CONTAINER,
    },
)

PAYLOAD = Part(
    about="A task for Pawl: an objective, ordered steps, and what becomes of the result.",
    aliases={"repo": "repository", "target_runtime": "targetRuntime"},
    fields={
        "repository": Text(
            about="Where the code is: `owner/repo`, `https://host/path`, `ssh://user@host/path`"
            " or `git@host:path`, never with credentials.",
            most=2048,
            examples=("owner/repo", "https://git.example.com/team/repo"),
        ),
        "targetRuntime": _runtime(
            "The command line tool that does the work; `task.runtime.mode`, then the deployment's"
            " default where absent. `universal` is the deployment's default."
        ),
        "requiredCapabilities": capabilities("besides what the task needs by itself"),
        "auth": Part(
            about="Where the credentials are. Always references, never secrets.",
            fields={
                "repoAuthRef": _secret("The secret to read the repository with."),
                "publishAuthRef": _secret("The secret to push and open pull requests with."),
            },
        ),
        "task": TASK,
    },
)


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload as read. Values with a violation are stand-ins."""

    values: dict[str, Any]
    """In the shape of `PAYLOAD`, defaults filled in; the canonical task once rules were applied."""
    origins: dict[Path, Origin]
    aliases: dict[Path, Path]

    def given(self, path: Path) -> Path:
        """The path as the payload spells it."""
        return self.aliases.get(path, path)


def read(values: dict[str, Json], report: Report) -> Payload:
    """Reads every field once; what nobody declared becomes a warning."""
    reading = Reading(report)
    read_values: Any = PAYLOAD.read(values, (), reading)
    return Payload(read_values, reading.origins, reading.aliases)
