"""Stand-ins in the places of the real services, for tests of `pawl up`.

As a program, ``python -m tests.support.stand_in_stack DATA_DIR``, it is a
`pawl up` of them that can be killed.
"""

import asyncio
import os
import sys
from pathlib import Path

from pawl.cli.up.home import Home
from pawl.cli.up.services import Addresses, Service
from pawl.cli.up.stack import Stack

_PROGRAM = str(Path(__file__).with_name("stand_in_service.py"))


def stand_in(name: str, *directions: str, needs: tuple[str, ...] = ()) -> Service:
    """One row of a table like the real one."""

    def told(_home: Home, addresses: Addresses) -> dict[str, str]:
        return {f"PAWL_{need.upper()}_TARGET": addresses[need] for need in needs}

    return Service(
        name=name,
        argv=(sys.executable, _PROGRAM, *directions),
        wants=lambda _caller: (),
        told=told,
        needs=needs,
    )


def stand_ins() -> tuple[Service, ...]:
    """A table of the same shape as the real one."""
    return (
        stand_in("runner"),
        stand_in("contract"),
        stand_in("orchestrator", needs=("contract", "runner")),
    )


def main(data_dir: str) -> None:
    stack = Stack(
        services=stand_ins(),
        home=Home(Path(data_dir)),
        ports=dict.fromkeys(("runner", "contract", "orchestrator"), 0),
        environment=dict(os.environ),
        say=lambda sentence: print(sentence, file=sys.stderr),
        verbose=False,
    )
    asyncio.run(stack.run(lambda addresses: print("up", addresses, flush=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
