"""Runs OpenAI's Codex CLI headless."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from services.runner.runtimes.codex_reader import CodexReader
from services.runner.runtimes.environment import (
    SHARED_ENV,
    cli_environment,
    names_secret,
    secret_values,
)
from services.runner.runtimes.files import copy_private, program_at, secrets_of
from services.runner.runtimes.lines import Clock
from services.runner.runtimes.runtime import Invocation, Place, Reader, RuntimeSettings
from services.runner.values import RunSpec

CODEX_ENV: tuple[str, ...] = (
    *SHARED_ENV,
    "CODEX_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT",
    "CODEX_CA_CERTIFICATE",
)
"""The names that pass from the service's environment without being asked for."""

_CONFIG = "config.toml"
_CREDENTIALS = "auth.json"


class Codex:
    """The runtime `codex`."""

    name = "codex"

    def __init__(self, settings: RuntimeSettings, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.settings = settings
        self._clock = clock

    def program(self) -> Path:
        """The native binary: npm's `codex` is a node script that stays as a second parent."""
        found = program_at(self.name, self.settings.binary, self.settings.environment.get("PATH"))
        return _native(found) or found

    def prepare(self, spec: RunSpec, place: Place) -> None:
        """Bring the operator's login and configuration to `CODEX_HOME`."""
        del spec
        # Codex refuses a CODEX_HOME that does not exist.
        place.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (_CREDENTIALS, _CONFIG):
            copy_private(name, self.settings.operator_home, place.state)

    def invocation(self, spec: RunSpec, place: Place) -> Invocation:
        """`codex exec` with the prompt on stdin."""
        passed = dict(self.settings.environment)
        key_name = next((n for n in ("CODEX_API_KEY", "OPENAI_API_KEY") if passed.get(n)), None)
        base_url = passed.pop("OPENAI_BASE_URL", "").rstrip("/")
        env = {**cli_environment(passed, place), "CODEX_HOME": str(place.state)}
        if key_name is not None:
            # `codex exec` takes a key from this variable only; OPENAI_API_KEY is for `login`.
            env["CODEX_API_KEY"] = passed[key_name]
        argv = (
            str(self.program()),
            "exec",
            *("-C", str(place.repo)),
            "--json",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "--ignore-rules",
            # Sessions stay on disk although no step resumes one: `--ephemeral` makes the CLI's
            # sub-agents fail.
            *(() if (place.state / _CONFIG).exists() else ("--ignore-user-config",)),
            *_options(spec, self.settings.model),
            *_overrides(env),
            *(_provider(base_url, env) if base_url else ()),
            # Without it a provider that cannot be reached is waited for without end.
            *("--disable", "unbounded_connection_retries"),
            *("--disable", "plugins", "--disable", "apps"),
            "-",
        )
        return Invocation(
            argv=argv,
            env=env,
            prompt=spec.prompt.encode(),
            secrets=secret_values(
                env, secrets_of(self.settings.operator_home, _CREDENTIALS, _CONFIG)
            ),
            shown=tuple(
                "model_providers.pawl={…}" if arg.startswith("model_providers.") else arg
                for arg in argv
            ),
        )

    def reader(self, place: Place) -> Reader:
        """A reader of `codex exec --json`."""
        return CodexReader(str(place.repo), self._clock)


def _native(found: Path) -> Path | None:
    script = found.resolve()
    if script.suffix != ".js":
        return None
    for folder in (script.parents[1] / "node_modules", *script.parents[:4]):
        natives = sorted(folder.glob("@openai/codex-linux-*/vendor/*/bin/codex"))
        if natives:
            return natives[0]
    return None


def _options(spec: RunSpec, default_model: str | None) -> Iterator[str]:
    if model := spec.model or default_model:
        yield from ("-m", model)
    if spec.effort:
        yield from ("-c", f"model_reasoning_effort={_toml(spec.effort)}")


def _overrides(env: Mapping[str, str]) -> Iterator[str]:
    yield from ("-c", "check_for_update_on_startup=false")
    yield from ("-c", "analytics.enabled=false")
    # A login shell would replace PATH by the one of /etc/profile.
    yield from ("-c", "allow_login_shell=false")
    # So that no tool prints a key by accident; the agent can still read its parent's environment.
    hidden = ",".join(_toml(name) for name in sorted(env) if names_secret(name))
    policy = f'{{inherit="all",ignore_default_excludes=true,exclude=[{hidden}]}}'
    yield from ("-c", f"shell_environment_policy={policy}")


def _provider(base_url: str, env: Mapping[str, str]) -> tuple[str, ...]:
    key = 'env_key="CODEX_API_KEY"' if "CODEX_API_KEY" in env else "requires_openai_auth=true"
    fields_ = (
        'name="pawl"',
        f"base_url={_toml(base_url)}",
        key,
        'wire_api="responses"',
        "request_max_retries=4",
        "stream_max_retries=3",
        "stream_idle_timeout_ms=300000",
    )
    return (
        *("-c", 'model_provider="pawl"'),
        *("-c", f"model_providers.pawl={{{','.join(fields_)}}}"),
    )


def _toml(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value)
