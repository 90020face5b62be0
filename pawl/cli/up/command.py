"""`pawl up`: runs every service of Pawl on this machine."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from pawl.cli import settings
from pawl.cli.exits import REFUSED, SUCCEEDED, UNREACHABLE
from pawl.cli.up import environment as env
from pawl.cli.up.child import FailedToStart
from pawl.cli.up.home import Home, InUse
from pawl.cli.up.services import existing, token_file
from pawl.cli.up.stack import Stack

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535), show_default=True)]


async def up(
    *,
    data_dir: Path | None = None,
    contract_port: Port = 50051,
    orchestrator_port: Port = 50052,
    runner_port: Port = 50053,
    dashboard_port: Port = 8080,
    verbose: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run every service on this machine until Ctrl-C.

    Prints one line on standard output when all of them serve, and starts again
    whichever dies.

    Parameters
    ----------
    data_dir
        Where database, artifacts, workspaces and logs are; the user's data
        directory unless given.
    contract_port
        0 takes a free one; so it does for the others.
    orchestrator_port
        What clients connect to.
    runner_port
        Where agents are run.
    dashboard_port
        Where the pages are.
    verbose
        Show the services' logs on standard error, too.
    """
    caller = settings.environment()
    unknown = False
    for leftover in env.leftovers(caller):
        if leftover.known:
            _say(f"{leftover.name} is set, but `pawl up` decides it itself; it is not used")
        else:
            _say(f"{leftover.name} is not a setting of Pawl; remove it or correct its name")
            unknown = True
    if unknown:
        return REFUSED
    ports = {
        "contract": contract_port,
        "orchestrator": orchestrator_port,
        "runner": runner_port,
        "dashboard": dashboard_port,
    }
    home = Home((data_dir or settings.data_home()).absolute())
    stack = Stack(
        services=existing(),
        home=home,
        ports=ports,
        environment=caller,
        say=_say,
        verbose=verbose,
    )
    if not stack.services:
        _say("no service of Pawl is installed here: install the whole distribution")
        return REFUSED
    try:
        await stack.run(partial(_ready, home))
    except InUse as error:
        _say(str(error))
        return REFUSED
    except OSError as error:
        _say(f"{error.filename or stack.home.root} cannot be used: {error.strerror}")
        return REFUSED
    except FailedToStart as error:
        _say(str(error))
        return UNREACHABLE
    return SUCCEEDED


def _ready(home: Home, addresses: Mapping[str, str]) -> None:
    shown = dict(addresses)
    if "dashboard" in shown:
        shown["dashboard"] = f"http://{shown['dashboard']}/"
        # Behind the #, the token reaches no server and no log.
        token = token_file(home).read_text(encoding="ascii").strip()
        _say(f"the dashboard, logged in: {shown['dashboard']}login#{token}")
    order = ("orchestrator", "contract", "runner", "dashboard")
    told = " ".join(f"{name}={shown[name]}" for name in order if name in shown)
    sys.stdout.write(f"pawl is up: {told}\n")
    sys.stdout.flush()


def _say(sentence: str) -> None:
    sys.stderr.write(f"pawl: {sentence}\n")
    sys.stderr.flush()
