"""Declares the steps of a payload with their skills."""

from typing import Any

from services.contract.kinds import Part
from services.contract.lists import Free, Words
from services.contract.scalars import Text

MOST_STEPS = 100
INSTRUCTIONS_LIMIT = 256 * 1024
"""Bytes of UTF-8, for the objective and for each step's instructions."""
TITLE_LIMIT = 200
"""Characters."""
AUTO = "auto"

_OVERRIDE = (
    "STEP_OVERRIDE_FORBIDDEN",
    "{name} is a task-level setting that holds for all steps. Remove it here and set it on the"
    " task.",
)
OVERRIDES = frozenset(
    {
        "runtime",
        "targetRuntime",
        "target_runtime",
        "model",
        "effort",
        "repository",
        "repo",
        "git",
        "publish",
        "container",
        "auth",
        "limits",
    }
)
"""What people try to set per step and what holds for the task as a whole."""

_CLOSED = {
    "": (
        "STEP_FIELD_UNKNOWN",
        "There is no such field in a step. A step has id, title, instructions and skill; a skill"
        " has id, args and requiredCapabilities.",
    ),
    **dict.fromkeys(OVERRIDES, _OVERRIDE),
}


def capabilities(whose: str) -> Words:
    """A list of them; `whose` says for what."""
    return Words(
        about=f"What a runner has to offer {whose}; compared in lower case.",
        most=64,
        examples=(["docker", "gpu"],),
    )


def skill(about: str, **otherwise: Any) -> Part:
    """A skill; `otherwise` are arguments of `Part`."""
    return Part(
        about=about,
        fields={
            "id": Text(
                about="The skill's name: that of its folder.",
                most=4096,
                form=r"[a-z0-9][a-z0-9._-]{0,63}",
                code="SKILL_ID",
                remedy="This is no name of a skill. Use at most 64 lower-case letters, digits and"
                " ._-, the first a letter or digit.",
                required="A skill needs its id. Name it, or leave skill out to inherit.",
                examples=("speckit",),
            ),
            "args": Free(
                about="Arguments of the skill, handed to the agent as they stand.",
                examples=({"depth": 2},),
            ),
            "requiredCapabilities": capabilities("for the skill"),
        },
        **otherwise,
    )


STEP = Part(
    about="One invocation of the runtime's command line tool. It needs instructions or a skill.",
    closed=_CLOSED,
    fields={
        "id": Text(
            about="A name for people. Ids may repeat; `step-N` by position, from 1, where absent.",
            most=4096,
            form=r"[A-Za-z0-9._-]{1,64}",
            code="STEP_ID",
            remedy="This is no valid id. Use at most 64 letters, digits and ._-",
            examples=("inspect",),
        ),
        "title": Text(
            about="One line that says what the step is for; other steps' prompts show it.",
            most=4 * TITLE_LIMIT,
            most_characters=TITLE_LIMIT,
            examples=("Look around",),
        ),
        "instructions": Text(
            about="What to do in this step, in the step's own prompt only.",
            most=INSTRUCTIONS_LIMIT,
            lines=True,
            examples=("Inspect the existing implementation.",),
        ),
        "skill": skill(
            "The procedure for this step; the task's where absent.", closed=_CLOSED, omitted=True
        ),
    },
)
