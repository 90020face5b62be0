"""Settings every service has, read from `PAWL_` variables and nowhere else."""

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

import pydantic
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pawl.hosts import Hosts
from pawl.wire import faultpoints

PREFIX = "PAWL_"

_ALL = ("LISTEN", "LOG_LEVEL", "ADDRESS_FILE", "LEAVE_WITH_PARENT", "FAULTPOINTS", "PACE")
_CONTRACT = (
    "DEFAULT_REPOSITORY",
    "DEFAULT_RUNTIME",
    "ALLOW_LOCAL_REPOSITORIES",
    "ALLOWED_REPOSITORIES",
    "PRIVATE_HOSTS",
    "ALLOWED_HOSTS",
    "GITHUB_URL",
)
_ORCHESTRATOR = (
    "DATABASE_URL",
    "ARTIFACTS_URL",
    "DATA_DIR",
    "CONTRACT_TARGET",
    "RUNNER_TARGETS",
    "MAX_JOBS",
    "MAX_JOBS_PER_REPOSITORY",
    "LEASE_SECONDS",
    "RUN_LEASE_SECONDS",
    "POLL_SECONDS",
    "GITHUB_TOKEN_FILE",
    "GITHUB_APP_ID",
    "GITHUB_APP_KEY_FILE",
    "GITHUB_API_URL",
    "VAULT_ADDR",
    "VAULT_TOKEN_FILE",
    "VAULT_MOUNTS",
    "WORKFLOW_CHANGES",
    "SECRET_RULES_OFF",
    "PULL_REQUEST_LABELS",
    "RECONCILE_SECONDS",
    "CLOSE_DUPLICATES",
    "COMMIT_NAME",
    "COMMIT_EMAIL",
    "SKILLS_DIR",
    "CHECKPOINT_RETENTION_DAYS",
    "ARTIFACT_RETENTION_DAYS",
    "ARTIFACT_MAX_BYTES",
    "MIRROR_RETENTION_DAYS",
    "COLLECT_SECONDS",
)
_RUNNER = (
    "SLOTS",
    "CAPABILITIES",
    "CODEX_BINARY",
    "GEMINI_BINARY",
    "CLAUDE_BINARY",
    "CODEX_HOME",
    "GEMINI_HOME",
    "CLAUDE_HOME",
    "AGENT_ENV",
    "ISOLATION",
    "CACHE_RETENTION_DAYS",
    "CACHE_MAX_BYTES",
    "WORKSPACE_RETENTION_DAYS",
)
_DASHBOARD = (
    "ORCHESTRATOR_TARGET",
    "DASHBOARD_CLIENT_TARGET",
    "DASHBOARD_TOKEN_FILE",
    "DASHBOARD_ORIGINS",
)
_CLIENTS = ("TARGET", "TOKEN")
_COMPOSE = (
    "ORCHESTRATOR_PORT",
    "DASHBOARD_PORT",
    "EXTRA_CA_FILE",
    "RUNNER_MEMORY",
    "RUNNER_PACKAGES",
)
"""Read by compose.yaml alone, from the same `.env` as the others."""

_RUNS = ("RUN_MARK",)
"""Set by runners for the processes of a run, which may be Pawl's own."""

KNOWN = frozenset(
    PREFIX + name
    for part in (_ALL, _CONTRACT, _ORCHESTRATOR, _RUNNER, _DASHBOARD, _CLIENTS, _COMPOSE, _RUNS)
    for name in part
)
"""Every name any part of Pawl reads, so that a sibling's setting is no misspelling here."""

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")


def _split(given: object) -> object:
    if not isinstance(given, str):
        return given
    return tuple(word.strip() for word in given.split(",") if word.strip())


def _server_url(given: str) -> str:
    if given and not _is_server(given):
        raise ValueError("write https://host or https://host/path, without any credential")
    return given.rstrip("/")


def _is_server(given: str) -> bool:
    try:
        parts = urlsplit(given)
        named = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return bool(parts.scheme in {"https", "http"} and named and not parts.query + parts.fragment)


def _readable_hosts(given: tuple[str, ...]) -> tuple[str, ...]:
    Hosts.of(given)
    return given


Listen = Annotated[str, pydantic.Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")]
"""``host:port``; port 0 takes a free one."""

Listed = Annotated[tuple[str, ...], NoDecode, pydantic.BeforeValidator(_split)]
"""Words separated by commas."""

ListedHosts = Annotated[Listed, pydantic.AfterValidator(_readable_hosts)]
"""Hosts as `pawl.hosts.Hosts` reads them, separated by commas."""

ServerUrl = Annotated[str, pydantic.AfterValidator(_server_url)]
"""Where a server is that the operator names, without a slash at the end."""


class ServiceSettings(BaseSettings):
    """What every service is told."""

    # An empty variable is an absent one: Compose and Kubernetes cannot leave one out by condition.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    listen: Listen
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    address_file: Path | None = None
    """Gets the bound ``host:port`` once the service answers."""
    leave_with_parent: bool = False
    """Leave when standard input ends."""
    faultpoints: str = ""
    """Faults to make happen, for tests; see `pawl.wire.faultpoints`."""
    pace: float = pydantic.Field(default=1.0, ge=0.01, le=1.0)
    """Multiplies pauses and graces that have no setting of their own, for tests."""

    @pydantic.field_validator("faultpoints")
    @classmethod
    def _readable(cls, given: str) -> str:
        faultpoints.parse(given)
        return given


def load(kind: type[SettingsT], environment: Mapping[str, str] | None = None) -> SettingsT:
    """Reads the settings, or ends the process with a sentence per thing that is wrong."""
    given = os.environ if environment is None else environment
    complaints = [
        f"{name} is not a setting of Pawl{_suggestion(name)}; remove it or correct its name"
        for name in sorted(given)
        if name.startswith(PREFIX) and name not in KNOWN
    ]
    try:
        settings = kind()
    except pydantic.ValidationError as error:
        complaints += [
            f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
    else:
        if not complaints:
            faultpoints.arm(faultpoints.parse(settings.faultpoints))
            return settings
    for complaint in complaints:
        sys.stderr.write(f"pawl: {complaint}\n")
    raise SystemExit(78)


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
