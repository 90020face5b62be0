"""What the orchestrator is told, from `PAWL_` variables."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import pydantic
from pydantic_settings import NoDecode

from pawl.hosts import HostRules, Hosts
from pawl.wire.settings import Listed, ListedHosts, ServerUrl, ServiceSettings
from services.orchestrator.jobs.identity import PAWL, Identity
from services.orchestrator.jobs.reconciling import Reconciliation
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

LONGEST_LABEL = 50
"""GitHub's own bound."""
MOST_LABELS = 20

MOUNT = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


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
    github_url: ServerUrl = "https://github.com"
    github_api_url: ServerUrl = ""
    """Empty is GitHub's own, or ``/api/v3`` on another `github_url`."""
    github_token_file: Path | None = None
    github_app_id: str = pydantic.Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """A number or a client id."""
    github_app_key_file: Path | None = None
    vault_addr: ServerUrl = ""
    vault_token_file: Path | None = None
    vault_mounts: Listed = ()
    """That tasks may name secrets of; empty allows none."""
    allow_local_repositories: bool = False
    """Paths, ``file://`` and this machine as a host."""
    allowed_repositories: Listed = ()
    """Globs; empty allows every repository."""
    private_hosts: ListedHosts = ()
    """May lead to private networks; what `github_url` names may, too."""
    allowed_hosts: ListedHosts = ()
    """None but these and that of `github_url`; empty allows every host."""
    workflow_changes: WorkflowChanges = WorkflowChanges.DRAFT
    secret_rules_off: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of shapes; known values are always looked for."""
    pull_request_labels: Annotated[tuple[str, ...], NoDecode] = ()
    """Every pull request gets them, a draft like any other."""
    commit_name: str = PAWL.name
    commit_email: str = PAWL.email
    reconcile_seconds: float = pydantic.Field(default=600, ge=0.1, le=86400)
    """From one look for second pull requests to the next."""
    close_duplicates: bool = False
    """Whether those are closed, beside being told of."""
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

    @pydantic.field_validator(
        "runner_targets", "secret_rules_off", "pull_request_labels", mode="before"
    )
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

    @pydantic.field_validator("pull_request_labels")
    @classmethod
    def _labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MOST_LABELS:
            raise ValueError(f"name at most {MOST_LABELS} labels")
        if wrong := [one for one in value if len(one) > LONGEST_LABEL or not one.isprintable()]:
            raise ValueError(
                f"{wrong[0][:LONGEST_LABEL]!r} is no label: those have at most {LONGEST_LABEL} "
                "characters, all of which can be seen"
            )
        return tuple(dict.fromkeys(value))

    @pydantic.field_validator("commit_name")
    @classmethod
    def _author_name(cls, value: str) -> str:
        return Identity(name=value).name

    @pydantic.field_validator("commit_email")
    @classmethod
    def _author_email(cls, value: str) -> str:
        return Identity(email=value).email

    @pydantic.field_validator("vault_mounts")
    @classmethod
    def _mounts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        mounts = tuple(mount.strip("/") for mount in value)
        for mount in mounts:
            if not MOUNT.fullmatch(mount) or {".", ".."} & set(mount.split("/")):
                raise ValueError(f"{mount!r} is no mount; write its path, such as kv or team/kv")
        return mounts

    @pydantic.model_validator(mode="after")
    def _whole_vault(self) -> "Settings":
        if bool(self.vault_addr) != bool(self.vault_token_file):
            raise ValueError("PAWL_VAULT_ADDR and PAWL_VAULT_TOKEN_FILE need each other: set both")
        if self.vault_mounts and not self.vault_addr:
            raise ValueError("PAWL_VAULT_MOUNTS has no effect without PAWL_VAULT_ADDR")
        return self

    @pydantic.model_validator(mode="after")
    def _whole_app(self) -> "Settings":
        if bool(self.github_app_id) != bool(self.github_app_key_file):
            raise ValueError(
                "PAWL_GITHUB_APP_ID and PAWL_GITHUB_APP_KEY_FILE name one app together; set both "
                "or neither"
            )
        return self

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
    def forge_api(self) -> str:
        """Where the forge's API is."""
        if self.github_api_url:
            return self.github_api_url
        if urlsplit(self.github_url).hostname == "github.com":
            return "https://api.github.com"
        return f"{self.github_url}/api/v3"

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
    def reconciliation(self) -> Reconciliation:
        """How second pull requests are looked for."""
        return Reconciliation(
            round=timedelta(seconds=self.reconcile_seconds), close=self.close_duplicates
        ).scaled(self.pace)

    @property
    def hosts(self) -> HostRules:
        """Which hosts a repository may be on, beside the forge's."""
        return HostRules(
            local=self.allow_local_repositories,
            private=Hosts.of(self.private_hosts),
            allowed=Hosts.of(self.allowed_hosts),
        )

    @property
    def screen(self) -> ScreenPolicy:
        """What may be published."""
        return ScreenPolicy(
            workflows=self.workflow_changes, rules_off=frozenset(self.secret_rules_off)
        )

    @property
    def author(self) -> Identity:
        """Who has made what is published."""
        return Identity(name=self.commit_name, email=self.commit_email)

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
