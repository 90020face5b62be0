"""The options that every command which speaks with a service has."""

import re
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from cyclopts import Parameter

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}")


def address(_kind: object, value: str) -> None:
    """Refuses what gRPC would take for something other than a host with a port."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("It is to be HOST:PORT.")


ContractTarget: TypeAlias = Annotated[
    str, Parameter(env_var="PAWL_CONTRACT_TARGET", show_default=True, validator=address)
]
"""Where the contract is, for commands that need no orchestrator."""

CONTRACT = "127.0.0.1:50051"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Whom to ask, and how to tell the answer."""

    target: Annotated[
        str, Parameter(env_var="PAWL_TARGET", show_default=True, validator=address)
    ] = "127.0.0.1:50052"
    """The orchestrator, as HOST:PORT."""

    token: Annotated[str, Parameter(env_var="PAWL_TOKEN")] = field(default="", repr=False)
    """Sent as a bearer token with every call."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document, or one per line where there are many."""


DEFAULTS = Options()
