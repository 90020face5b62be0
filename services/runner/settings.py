"""What the runner is told, from `PAWL_` variables."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic_settings import NoDecode

from pawl.wire.settings import Listen, ServiceSettings
from services.runner.holding import Patience
from services.runner.retention import Policy
from services.runner.runtimes.environment import passing
from services.runner.runtimes.registry import RUNTIMES
from services.runner.runtimes.runtime import Runtime, RuntimeSettings

Words = Annotated[tuple[str, ...], NoDecode]


class Settings(ServiceSettings):
    """The runner's settings; each CLI has a binary, and a home with the operator's login."""

    listen: Listen = "127.0.0.1:50053"
    data_dir: Path
    slots: int = pydantic.Field(default=2, ge=1, le=1024)
    """How many workspaces it holds at once."""
    capabilities: Words = ()
    """What it offers beside its runtimes, separated by commas."""
    codex_binary: Path = Path("codex")
    """A path, or a name to be found on PATH; the others alike."""
    gemini_binary: Path = Path("gemini")
    claude_binary: Path = Path("claude")
    codex_home: Path | None = None
    gemini_home: Path | None = None
    claude_home: Path | None = None
    agent_env: Words = ()
    """Names and globs of variables that pass to the CLIs beside each one's own defaults."""
    isolation: Literal["auto", "process"] = "auto"
    """`process` is all there is: agents have the rights of the runner's own user."""
    run_lease_seconds: float = pydantic.Field(default=90, ge=2, le=3600)
    """A run that nobody follows for so long is ended; as long as the orchestrators' own."""

    cache_retention_days: float = pydantic.Field(default=30, ge=0, le=36500)
    """From the last use; 0 is for ever."""
    cache_max_bytes: int = pydantic.Field(default=50 * 1024**3, ge=0)
    """For all caches together; 0 is no limit."""
    workspace_retention_days: float = pydantic.Field(default=7, ge=0, le=36500)
    """From the last that any orchestrator said of it; 0 is for ever."""
    collect_seconds: float = pydantic.Field(default=3600, ge=0.1, le=7 * 86400)
    """From one collection to the next."""

    @pydantic.field_validator("capabilities", "agent_env", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        return tuple(word.strip() for word in given.split(",") if word.strip())

    @pydantic.field_validator("capabilities")
    @classmethod
    def _lowered(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.lower() for word in given)

    @property
    def retention(self) -> Policy:
        """How long things are kept that nobody comes back for."""
        return Policy(
            caches=_days(self.cache_retention_days),
            cache_bytes=self.cache_max_bytes,
            workspaces=_days(self.workspace_retention_days),
            round=timedelta(seconds=self.collect_seconds),
        )

    @property
    def patience(self) -> Patience:
        """How long things may take."""
        return Patience(orphan=timedelta(seconds=self.run_lease_seconds)).scaled(self.pace)

    @property
    def heartbeat(self) -> timedelta:
        """How long a stream may be silent.

        A caller that has heard nothing for three of them attaches again, and so in a third of
        the time that the run may go unfollowed.
        """
        return min(timedelta(seconds=10), timedelta(seconds=self.run_lease_seconds / 9))

    def runtimes(self) -> dict[str, Runtime]:
        """Returns every runtime, with what of this process's environment its CLI may see."""
        return {
            name: kind.make(
                RuntimeSettings(
                    binary=getattr(self, f"{name}_binary"),
                    operator_home=getattr(self, f"{name}_home"),
                    environment=passing(os.environ, (*kind.env, *self.agent_env)),
                )
            )
            for name, kind in RUNTIMES.items()
        }


def _days(days: float) -> timedelta | None:
    return timedelta(days=days) if days else None
