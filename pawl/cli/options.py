"""The options that every command which speaks with a service has."""

from dataclasses import dataclass, field
from typing import Annotated

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Whom to ask, and how to tell the answer."""

    target: Annotated[str, Parameter(env_var="PAWL_TARGET", show_default=True)] = "127.0.0.1:50052"
    """The orchestrator, as HOST:PORT."""

    token: Annotated[str, Parameter(env_var="PAWL_TOKEN")] = field(default="", repr=False)
    """Sent as a bearer token with every call."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document, or one per line where there are many."""


DEFAULTS = Options()
