"""Writes the exact prompt of every step.

Whatever a user wrote over one or more lines stands behind a bar on each line, so
that no line of it can be taken for one of the template's, and there is no end mark
to forge. Ids and titles are single lines and stand inside of template lines.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from services.contract.values import Json, Step

FIRST_LINE = (
    "Pawl asks for one step of a task. Lines that begin with | quote the task; Pawl wrote the rest."
)
"""A prompt that began with a user's text could be a command to some command line tools."""

PROMPT_LIMIT = 1_000_000
"""Characters of one prompt: one of the command line tools refuses more than 1,048,576."""

PLAN_LIMIT = 3 * 1024 * 1024
"""Bytes of UTF-8 of all prompts of a plan together."""

_LINE_END = re.compile("[\n\u2028\u2029]")

_WORKSPACE = """\
WORKSPACE
- The current directory is a checkout of the repository, on the branch the task works on.
- It holds what earlier steps left behind. Leave your own result in its files.
- Do not commit, push, switch branches or open pull requests. That is done for you at the end.
- Nobody can answer questions. Decide what is open, and say at the end what you decided."""


class TooLarge(Exception):
    """The prompts do not fit; `index` names the step whose own does not, if one alone is why."""

    def __init__(self, index: int | None) -> None:
        super().__init__(index)
        self.index = index


def assemble(objective: str, steps: Sequence[Step]) -> list[str]:
    """The prompt of each step, in order. Raises TooLarge before it holds more than the limit."""
    prompts: list[str] = []
    room = PLAN_LIMIT
    for step in steps:
        prompt = "\n\n".join(_parts(objective, step, steps)) + "\n"
        if len(prompt) > PROMPT_LIMIT:
            raise TooLarge(step.index)
        room -= len(prompt.encode())
        if room < 0:
            raise TooLarge(None)
        prompts.append(prompt)
    return prompts


def quoted(text: str) -> str:
    """The text with a bar before each of its lines, whatever ends them."""
    return "\n".join(f"| {line}" if line else "|" for line in _LINE_END.split(text))


def _parts(objective: str, step: Step, steps: Sequence[Step]) -> Iterator[str]:
    yield FIRST_LINE
    yield f"OBJECTIVE\nAll steps together are to reach this:\n{quoted(objective)}"
    instructions = (
        quoted(step.instructions)
        if step.instructions
        else "This step has no instructions of its own. Continue towards the objective."
    )
    yield f"{headline(step, len(steps))}\n{instructions}"
    yield _others(step, steps)
    yield _skill(step.skill.id, step.skill.args)
    yield _WORKSPACE


def headline(step: Step, count: int) -> str:
    """The one line of a prompt that names its step: ``STEP 2/3 patch Apply changes``."""
    return f"STEP {_name(step, count)}"


def _name(step: Step, count: int) -> str:
    return f"{step.index + 1}/{count} {step.id} {step.title}".rstrip()


def _others(step: Step, steps: Sequence[Step]) -> str:
    count = len(steps)
    if count == 1:
        return "THIS STEP ONLY\nIt is the task's only step. Finish it, then stop."
    lines = [
        f"- {_name(other, count)} ({'earlier' if other.index < step.index else 'later'})"
        for other in steps
        if other.index != step.index
    ]
    return (
        "THIS STEP ONLY\n"
        f"Do step {step.index + 1} of {count} now and nothing of the others, then stop."
        " Each of them has its own run:\n" + "\n".join(lines)
    )


def _skill(name: str, args: Mapping[str, Json]) -> str:
    if name == "auto":
        text = "SKILL auto\nUse whichever of your skills fits, or none."
    else:
        text = (
            f"SKILL {name}\n"
            f"Its files are in .agents/skills/{name} or .claude/skills/{name}, whichever the"
            " checkout has.\nRead its SKILL.md first: it is the procedure for this step."
        )
    if not args:
        return text
    rendered = json.dumps(args, ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\nIts arguments are:\n{quoted(rendered)}"
