"""`pawl runners`: the fleet."""

import sys

from pawl.cli import documents, tables
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.client import Runner, connected


async def runners(*, options: Options = DEFAULTS) -> int:
    """List the runners, what each can run and, where it cannot, why."""
    async with connected(options.target, token=options.token) as client:
        fleet = await client.runners()
    if options.json:
        documents.put(fleet)
        return SUCCEEDED
    columns = ("runner", "target", "state", "free slots", "isolation", "capabilities")
    tables.put(columns, [_row(runner) for runner in fleet.runners])
    cards = [
        (
            runner.runner_id or runner.target,
            card.name,
            card.version if card.available else "not available",
            card.reason,
        )
        for runner in fleet.runners
        for card in runner.runtimes
    ]
    if cards:
        sys.stdout.write("\n")
        tables.put(("runner", "runtime", "version", "why not"), cards)
    if fleet.orchestrator_capabilities:
        own = ", ".join(fleet.orchestrator_capabilities)
        sys.stdout.write("\n")
        tables.put_fields((("the orchestrator adds", own),))
    return SUCCEEDED


def _row(runner: Runner) -> tuple[str, ...]:
    state = "serving" if runner.reachable else "unreachable"
    return (
        runner.runner_id,
        runner.target,
        "draining" if runner.reachable and runner.draining else state,
        f"{runner.free_slots}/{runner.slots}",
        runner.isolation,
        ", ".join(runner.capabilities),
    )
