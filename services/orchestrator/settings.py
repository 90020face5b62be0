"""What the orchestrator is told, from `PAWL_` variables."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic_settings import NoDecode

from pawl.wire.settings import ServiceSettings
from services.orchestrator.jobs.retention import Policy
from services.orchestrator.screen.policy import ScreenPolicy, WorkflowChanges
from services.orchestrator.screen.shapes import NAMES

NETWORK = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
)


class Settings(ServiceSettings):
    """The orchestrator's settings; times are seconds."""

    listen: str = "127.0.0.1:50052"
    data_dir: Path
    database_url: str = ""
    """Empty is `sqlite:///<data_dir>/pawl.db`."""
    artifacts_url: str = ""
    """Empty is `file:///<data_dir>/artifacts`."""
    contract_target: str = "127.0.0.1:50051"
    runner_targets: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1:50053",)
    """A name means every address behind it."""
    max_jobs: int = pydantic.Field(default=64, ge=1, le=1024)
    max_jobs_per_repository: int = pydantic.Field(default=0, ge=0, le=1024)
    """RUNNING at once, over all orchestrators that share a database; 0 is any number."""
    lease_seconds: float = pydantic.Field(default=30, ge=1, le=600)
    run_lease_seconds: float = pydantic.Field(default=90, ge=2, le=3600)
    """As long as the runners' own orphan limit."""
    poll_seconds: float = pydantic.Field(default=2, gt=0, le=60)
    github_url: str = "https://github.com"
    github_token_file: Path | None = None
    allow_local_repositories: bool = False
    workflow_changes: WorkflowChanges = WorkflowChanges.DRAFT
    secret_rules_off: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of shapes; known values are always looked for."""
    skills_dir: Path | None = None
    checkpoint_retention_days: float = pydantic.Field(default=30, ge=0, le=36500)
    """So long after its end a failed job can be retried; 0 is for ever."""
    artifact_retention_days: float = pydantic.Field(default=0, ge=0, le=36500)
    """From a job's end; 0 is for ever."""
    artifact_max_bytes: int = pydantic.Field(default=0, ge=0)
    """For all artifacts together, beyond which the oldest go; 0 is no limit."""
    mirror_retention_days: float = pydantic.Field(default=30, ge=0, le=36500)
    """From the last use; 0 is for ever."""
    collect_seconds: float = pydantic.Field(default=3600, ge=0.1, le=7 * 86400)
    """From one collection to the next."""

    @pydantic.field_validator("runner_targets", "secret_rules_off", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @pydantic.field_validator("secret_rules_off")
    @classmethod
    def _rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(value) - NAMES):
            raise ValueError(f"{unknown[0]} is no rule; rules are {', '.join(sorted(NAMES))}")
        return value

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> "Settings":
        if self.run_lease_seconds <= self.lease_seconds + self.poll_seconds:
            raise ValueError(
                "PAWL_RUN_LEASE_SECONDS must exceed PAWL_LEASE_SECONDS plus PAWL_POLL_SECONDS, "
                "or runs would end before a new owner can adopt them"
            )
        return self

    @property
    def database(self) -> str:
        """Where the jobs are."""
        return self.database_url or f"sqlite:///{self.data_dir / 'pawl.db'}"

    @property
    def artifacts(self) -> str:
        """Where the artifacts' bytes are."""
        return self.artifacts_url or f"file://{self.data_dir / 'artifacts'}"

    @property
    def lease(self) -> timedelta:
        """How long a claim holds without a renewal."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def run_lease(self) -> timedelta:
        """How long a run lives without an owner."""
        return timedelta(seconds=self.run_lease_seconds)

    @property
    def silence(self) -> timedelta:
        """How long a runner's stream may say nothing: three heartbeats, as runners set them."""
        return min(timedelta(seconds=30), self.run_lease / 3)

    @property
    def poll(self) -> timedelta:
        """How often to look although nobody has called."""
        return timedelta(seconds=self.poll_seconds)

    @property
    def retention(self) -> Policy:
        """How long things are kept."""
        return Policy(
            checkpoints=_days(self.checkpoint_retention_days),
            artifacts=_days(self.artifact_retention_days),
            artifact_bytes=self.artifact_max_bytes,
            mirrors=_days(self.mirror_retention_days),
            round=timedelta(seconds=self.collect_seconds),
        )

    @property
    def screen(self) -> ScreenPolicy:
        """What may be published."""
        return ScreenPolicy(
            workflows=self.workflow_changes, rules_off=frozenset(self.secret_rules_off)
        )

    @property
    def home(self) -> Path | None:
        """Where ssh finds the operator's keys."""
        return Path(os.environ["HOME"]) if "HOME" in os.environ else None

    @property
    def ssh_auth_sock(self) -> str | None:
        """The operator's ssh agent."""
        return os.environ.get("SSH_AUTH_SOCK")

    @property
    def network(self) -> dict[str, str]:
        """What the operator has set for git's way to the network."""
        return {name: os.environ[name] for name in NETWORK if name in os.environ}


def _days(days: float) -> timedelta | None:
    return timedelta(days=days) if days else None
