"""What the contract is told by its environment."""

from typing import Annotated, Literal

import pydantic
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from pawl.wire.settings import Listen, ServiceSettings
from services.contract import repository
from services.contract.values import Deployment


class Settings(ServiceSettings):
    """The contract's settings, each under its name with `PAWL_` before it."""

    listen: Listen = "127.0.0.1:50051"
    allow_local_repositories: bool = False
    """Paths, ``file://`` and hosts of this machine or of private networks."""
    allowed_repositories: Annotated[tuple[str, ...], NoDecode] = ()
    """Globs, separated by commas; empty allows every repository."""
    default_repository: str | None = None
    """Stands in where a payload names none."""
    default_runtime: Literal["codex", "gemini", "claude"] = "codex"
    """Stands in where a payload names none, or `universal`."""

    @pydantic.field_validator("allowed_repositories", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        return tuple(glob.strip() for glob in given.split(",") if glob.strip())

    @pydantic.field_validator("default_repository")
    @classmethod
    def _usable(cls, given: str | None, info: pydantic.ValidationInfo) -> str | None:
        """An address that every task would be refused for should not start."""
        if given is None or not given.strip():
            return None
        rules = {name: info.data[name] for name in _RULES if name in info.data}
        try:
            return repository.canonical(given.strip(), Deployment(**rules))
        except repository.Denied as denied:
            raise PydanticCustomError("denied", "{sentence}", {"sentence": str(denied)}) from denied

    def deployment(self) -> Deployment:
        """What the domain needs of it."""
        return Deployment(
            default_repository=self.default_repository,
            default_runtime=self.default_runtime,
            allow_local_repositories=self.allow_local_repositories,
            allowed_repositories=self.allowed_repositories,
        )


_RULES = ("allow_local_repositories", "allowed_repositories")
