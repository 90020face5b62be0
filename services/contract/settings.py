"""What the contract is told by its environment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pydantic
from pydantic_core import PydanticCustomError

from pawl.hosts import Hosts
from pawl.wire.settings import Listed, ListedHosts, Listen, ServerUrl, ServiceSettings
from services.contract import repository
from services.contract.values import Deployment


class Settings(ServiceSettings):
    """The contract's settings, each under its name with `PAWL_` before it."""

    listen: Listen = "127.0.0.1:50051"
    allow_local_repositories: bool = False
    """Paths, ``file://`` and this machine as a host."""
    allowed_repositories: Listed = ()
    """Globs; empty allows every repository."""
    private_hosts: ListedHosts = ()
    """May be of private networks."""
    allowed_hosts: ListedHosts = ()
    """None but these and that of `github_url`; empty allows every host."""
    github_url: ServerUrl = "https://github.com"
    """Where ``owner/repo`` lies."""
    default_repository: str | None = None
    """Stands in where a payload names none."""
    default_runtime: Literal["codex", "gemini", "claude"] = "codex"
    """Stands in where a payload names none, or `universal`."""

    @pydantic.field_validator("default_repository")
    @classmethod
    def _usable(cls, given: str | None, info: pydantic.ValidationInfo) -> str | None:
        """An address that every task would be refused for should not start."""
        if given is None or not given.strip():
            return None
        told = info.data
        if _RULES - told.keys():
            return given  # what is wrong there is complained of already
        try:
            return repository.canonical(given.strip(), _rules(told))
        except repository.Denied as denied:
            raise PydanticCustomError("denied", "{sentence}", {"sentence": str(denied)}) from denied

    def deployment(self) -> Deployment:
        """What the domain needs of it."""
        return replace(
            _rules(self.model_dump(include=_RULES)),
            default_repository=self.default_repository,
            default_runtime=self.default_runtime,
        )


_RULES = {
    "allow_local_repositories",
    "allowed_repositories",
    "private_hosts",
    "allowed_hosts",
    "github_url",
}


def _rules(told: Mapping[str, Any]) -> Deployment:
    """Which repositories are taken."""
    return Deployment(
        allow_local_repositories=told["allow_local_repositories"],
        allowed_repositories=told["allowed_repositories"],
        private_hosts=Hosts.of(told["private_hosts"]),
        allowed_hosts=Hosts.of(told["allowed_hosts"]),
        forge_url=told["github_url"],
    )
