"""Which variables of the caller's environment each service gets to see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pawl.wire.settings import KNOWN, PREFIX

EVERYONE = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "XDG_*",
    "PYTHON*",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OTEL_*",
    "GRPC_*",
    "PAWL_LOG_LEVEL",
    "PAWL_FAULTPOINTS",
    "PAWL_PACE",
)
"""Names and globs of what any process needs to run and to be seen."""

NETWORK = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)
"""For the two services that speak with hosts outside."""

REPOSITORIES = (
    "PAWL_ALLOWED_REPOSITORIES",
    "PAWL_PRIVATE_HOSTS",
    "PAWL_ALLOWED_HOSTS",
    "PAWL_GITHUB_URL",
)
"""For the two services that judge a repository's address."""

CONTRACT = ("PAWL_DEFAULT_REPOSITORY", "PAWL_DEFAULT_RUNTIME", *REPOSITORIES)

ORCHESTRATOR = (
    *NETWORK,
    *REPOSITORIES,
    "PAWL_MAX_JOBS",
    "PAWL_MAX_JOBS_PER_REPOSITORY",
    "PAWL_LEASE_SECONDS",
    "PAWL_RUN_LEASE_SECONDS",
    "PAWL_POLL_SECONDS",
    "PAWL_GITHUB_*",
    "PAWL_VAULT_*",
    "PAWL_COMMIT_NAME",
    "PAWL_COMMIT_EMAIL",
    "PAWL_PULL_REQUEST_LABELS",
    "PAWL_WORKFLOW_CHANGES",
    "PAWL_SECRET_RULES_OFF",
    "PAWL_RECONCILE_SECONDS",
    "PAWL_CLOSE_DUPLICATES",
    "PAWL_SKILLS_DIR",
    "PAWL_CHECKPOINT_RETENTION_DAYS",
    "PAWL_ARTIFACT_RETENTION_DAYS",
    "PAWL_ARTIFACT_MAX_BYTES",
    "PAWL_MIRROR_RETENTION_DAYS",
    "PAWL_COLLECT_SECONDS",
    # What git pushes with. The runner, where agents run, never gets these.
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GH_TOKEN",
    "GITHUB_TOKEN",
)

RUNNER = (
    *NETWORK,
    "PAWL_RUN_LEASE_SECONDS",
    "PAWL_SLOTS",
    "PAWL_CAPABILITIES",
    "PAWL_*_BINARY",
    "PAWL_CODEX_HOME",
    "PAWL_GEMINI_HOME",
    "PAWL_CLAUDE_HOME",
    "PAWL_AGENT_ENV",
    "PAWL_ISOLATION",
    "PAWL_CACHE_RETENTION_DAYS",
    "PAWL_CACHE_MAX_BYTES",
    "PAWL_WORKSPACE_RETENTION_DAYS",
    "PAWL_COLLECT_SECONDS",
    "SHELL",
    # What the CLIs reach their model providers with. Nobody else gets these.
    "OPENAI_*",
    "CODEX_*",
    "ANTHROPIC_*",
    "CLAUDE_*",
    "GEMINI_*",
    "GOOGLE_*",
    "NODE_EXTRA_CA_CERTS",
)

DASHBOARD = ("PAWL_DASHBOARD_CLIENT_TARGET", "PAWL_DASHBOARD_ORIGINS")

CLIENT = ("PAWL_TARGET", "PAWL_CONTRACT_TARGET", "PAWL_TOKEN")
"""Read by the other commands of `pawl`; no service gets them from the caller."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A `PAWL_` variable that reaches no service."""

    name: str
    known: bool
    """Known ones are settings of a service that `pawl up` decides by itself."""


def chosen(environment: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    """Those variables that everyone gets or that a name or glob in `wanted` matches."""
    patterns = (*EVERYONE, *wanted)
    return {name: value for name, value in environment.items() if _matches(name, patterns)}


def agent_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What the operator passes through to agents, so the runner has to see it first."""
    named = environment.get("PAWL_AGENT_ENV", "")
    return tuple(name.strip() for name in named.split(",") if name.strip())


def leftovers(environment: Mapping[str, str]) -> tuple[Leftover, ...]:
    """Every `PAWL_` variable that would have no effect on `pawl up`, by name."""
    used = (*EVERYONE, *CONTRACT, *ORCHESTRATOR, *RUNNER, *DASHBOARD, *CLIENT)
    return tuple(
        Leftover(name, name in KNOWN)
        for name in sorted(environment)
        if name.startswith(PREFIX) and not (name in KNOWN and _matches(name, used))
    )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)
