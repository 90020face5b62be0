"""`pawl validate`: what a payload would become."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, payload, tables
from pawl.cli.exits import REFUSED, SUCCEEDED
from pawl.cli.options import DEFAULTS, Options, address
from pawl.cli.refusals import tell_violations, tell_warnings
from pawl.cli.text import lines
from pawl.client import Plan, Stage, connected_to_contract
from pawl.wire.errors import Violation


async def validate(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    contract_target: Annotated[
        str, Parameter(env_var="PAWL_CONTRACT_TARGET", show_default=True, validator=address)
    ] = "127.0.0.1:50051",
    options: Options = DEFAULTS,
) -> int:
    """Show the plan of a payload, with its exact prompts, or everything wrong with it.

    Parameters
    ----------
    file
        YAML or JSON; - is standard input.
    contract_target
        The contract, as HOST:PORT. It is asked instead of --target.
    """
    given = payload.read(file)
    async with connected_to_contract(contract_target, token=options.token) as contract:
        answer = await contract.validate(given)
    if options.json:
        documents.put(answer)
        return REFUSED if answer.violations else SUCCEEDED
    tell_warnings(answer.warnings)
    if answer.violations:
        tell_violations(
            tuple(Violation(v.field, v.reason, v.description) for v in answer.violations)
        )
        return REFUSED
    _put(answer.plan)
    return SUCCEEDED


def _put(plan: Plan) -> None:
    tables.put_fields(
        (
            ("digest", plan.digest),
            (
                "stages",
                ", ".join(tables.word(Stage.Name(stage), "STAGE_") for stage in plan.stages),
            ),
        )
    )
    sys.stdout.write("\ncapabilities\n")
    tables.put(
        ("name", "required by"),
        [(needed.name, "; ".join(needed.reasons)) for needed in plan.required_capabilities],
    )
    sys.stdout.write("\nsteps\n")
    tables.put(
        ("step", "id", "title", "skill"),
        [(str(step.step_index), step.id, step.title, step.skill.id) for step in plan.steps],
    )
    for step in plan.steps:
        sys.stdout.write(f"\nprompt of step {step.step_index}\n{lines(step.prompt)}\n")
