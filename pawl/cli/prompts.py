"""Prints prompts as the runtime gets them."""

import sys

from pawl.cli.refusals import Unusable, say
from pawl.cli.text import line, lines
from pawl.client import Plan, PlannedStep


def put_all(plan: Plan) -> None:
    """Every prompt between two lines that tell of it.

    No line of a payload can pose as one of these: in a prompt it has a bar before it.
    """
    for step in plan.steps:
        size = len(step.prompt.encode())
        sys.stdout.write(f"===== step {step.step_index}: {line(step.id)}, {size} bytes =====\n")
        _put(step)
        sys.stdout.write(f"===== end of step {step.step_index} =====\n\n")


def put_one(plan: Plan, index: int) -> None:
    """One prompt and nothing else. Raises Unusable where there is no such step."""
    if not 0 <= index < len(plan.steps):
        raise Unusable(f"there is no step {index}: steps are 0 to {len(plan.steps) - 1}")
    _put(plan.steps[index])


def _put(step: PlannedStep) -> None:
    """The exact bytes; a terminal gets them without what it would obey."""
    sys.stdout.flush()
    if not sys.stdout.isatty():
        # The text layer would write the locale's encoding.
        sys.stdout.buffer.write(step.prompt.encode())
        sys.stdout.buffer.flush()
        return
    shown = lines(step.prompt)
    sys.stdout.write(shown)
    sys.stdout.flush()
    if shown != step.prompt:
        say(
            f"step {step.step_index}: characters that a terminal would obey are left out here;"
            " the prompt has them, and so has a file or a pipe that this is sent to"
        )
