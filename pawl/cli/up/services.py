"""The services there are: what each is told, in the order they start."""

import importlib.util
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pawl.cli.up import environment as env
from pawl.cli.up.home import Home
from pawl.cli.up.probing import serves, serves_pages

Addresses = Mapping[str, str]
"""``host:port`` of the services that serve already, by name."""


@dataclass(frozen=True, slots=True)
class Service:
    """One row of the table."""

    name: str
    argv: tuple[str, ...]
    wants: Callable[[Mapping[str, str]], tuple[str, ...]]
    """Names and globs of what it is passed of the caller's environment."""
    told: Callable[[Home, Addresses], dict[str, str]]
    """What `pawl up` decides itself; beats what the caller has set."""
    needs: tuple[str, ...] = ()
    """Services whose addresses it has to know."""
    answers: Callable[[str], Awaitable[bool]] = serves
    """Whether it does at ``host:port``."""


def existing() -> tuple[Service, ...]:
    """The services that are installed; they stop in the reverse of this order."""
    return tuple(
        service for service in _TABLE if all(map(_installed, (service.name, *service.needs)))
    )


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(f"services.{name}.__main__") is not None
    except ModuleNotFoundError:
        return False


def _module(name: str) -> tuple[str, ...]:
    # -P keeps a folder `services` in the caller's working directory from being
    # run in the place of ours.
    return (sys.executable, "-P", "-m", f"services.{name}")


def _runner(home: Home, _addresses: Addresses) -> dict[str, str]:
    return {"PAWL_DATA_DIR": str(home.folder("runner"))}


def _contract(_home: Home, _addresses: Addresses) -> dict[str, str]:
    return {"PAWL_ALLOW_LOCAL_REPOSITORIES": "1"}


def _orchestrator(home: Home, addresses: Addresses) -> dict[str, str]:
    # Database and artifacts are in the data directory unless it is told otherwise.
    return {
        "PAWL_ALLOW_LOCAL_REPOSITORIES": "1",
        "PAWL_DATA_DIR": str(home.folder("orchestrator")),
        "PAWL_CONTRACT_TARGET": addresses["contract"],
        "PAWL_RUNNER_TARGETS": addresses["runner"],
    }


def _dashboard(home: Home, addresses: Addresses) -> dict[str, str]:
    return {
        "PAWL_DATA_DIR": str(home.folder("dashboard")),
        "PAWL_ORCHESTRATOR_TARGET": addresses["orchestrator"],
        "PAWL_CONTRACT_TARGET": addresses["contract"],
    }


def token_file(home: Home) -> Path:
    """What people log in to the dashboard with; it makes that at its first start, and keeps it."""
    return home.folder("dashboard") / "token"


_TABLE = (
    Service(
        name="runner",
        argv=_module("runner"),
        wants=lambda caller: (*env.RUNNER, *env.agent_names(caller)),
        told=_runner,
    ),
    Service(
        name="contract",
        argv=_module("contract"),
        wants=lambda _caller: env.CONTRACT,
        told=_contract,
    ),
    Service(
        name="orchestrator",
        argv=_module("orchestrator"),
        wants=lambda _caller: env.ORCHESTRATOR,
        told=_orchestrator,
        needs=("contract", "runner"),
    ),
    Service(
        name="dashboard",
        argv=_module("dashboard"),
        wants=lambda _caller: env.DASHBOARD,
        told=_dashboard,
        needs=("contract", "orchestrator"),
        answers=serves_pages,
    ),
)
