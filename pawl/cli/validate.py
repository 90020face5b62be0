"""`pawl validate`: what a payload would become."""

import shlex
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, payload, plans, prompts
from pawl.cli.exits import REFUSED, SUCCEEDED
from pawl.cli.options import CONTRACT, DEFAULTS, ContractTarget, Options
from pawl.cli.places import Places
from pawl.cli.refusals import Unusable, say, tell_violations, tell_warnings
from pawl.client import ValidateTaskResponse, connected_to_contract


async def validate(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    prompts_of_all: Annotated[bool, Parameter(name="--prompts", negative="")] = False,
    step: int | None = None,
    contract_target: ContractTarget = CONTRACT,
    options: Options = DEFAULTS,
) -> int:
    """Show the plan of a payload, or everything that is wrong with it.

    Parameters
    ----------
    file
        YAML or JSON; - is standard input. Nothing is stored.
    prompts_of_all
        Print every step's prompt as its runtime will get it, between two lines that tell
        where it begins and ends. A file or a pipe gets the exact bytes; a terminal gets
        them without characters that it would obey.
    step
        Print the prompt of this step alone and nothing else. Steps count from 0.
    contract_target
        The contract, as HOST:PORT. It is asked instead of --target.
    """
    if options.json and (prompts_of_all or step is not None):
        raise Unusable("--json holds every prompt already; leave out --prompts and --step")
    if prompts_of_all and step is not None:
        raise Unusable("--prompts is for all steps, --step for one; choose one of the two")
    given = payload.read(file)
    async with connected_to_contract(contract_target, token=options.token) as contract:
        answer = await contract.validate(given.value)
    if options.json:
        documents.put(answer)
        return REFUSED if answer.violations else SUCCEEDED
    place = Places(given).place
    tell_warnings(answer.warnings, place)
    if answer.violations:
        tell_violations(answer.violations, place)
        say(f"{_count(answer)} in {given.name}; mend what is wrong and validate again")
        return REFUSED
    if prompts_of_all:
        prompts.put_all(answer.plan)
    elif step is not None:
        prompts.put_one(answer.plan, step)
    else:
        plans.put(answer.plan)
        if answer.warnings:
            # A long plan has moved them off the screen.
            say(f"{_counted(len(answer.warnings), 'warning')} above the plan")
        _suggest(file, answer.plan.digest)
    return SUCCEEDED


def _count(answer: ValidateTaskResponse) -> str:
    found = len(answer.violations)
    if answer.violations[-1].reason == "TOO_MANY_VIOLATIONS":
        return f"more than {found - 1} violations"
    return _counted(found, "violation")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _suggest(file: str, digest: str) -> None:
    name = "FILE" if file == "-" else shlex.quote(file)
    say("--prompts shows every step's exact prompt, --step N that of one")
    say(f"to run exactly this: pawl submit {name} --expected-digest {digest}")
