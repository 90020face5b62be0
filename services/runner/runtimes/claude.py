"""Runs Anthropic's Claude Code CLI headless."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from services.runner.runtimes.claude_reader import ClaudeReader
from services.runner.runtimes.environment import SHARED_ENV, cli_environment, secret_values
from services.runner.runtimes.files import (
    copy_private,
    program_at,
    read_small,
    secrets_of,
    write_private,
)
from services.runner.runtimes.lines import Clock
from services.runner.runtimes.runtime import Invocation, Place, Reader, RuntimeSettings
from services.runner.values import RunSpec

CLAUDE_ENV: tuple[str, ...] = (
    *SHARED_ENV,
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
)
"""The names that pass from the service's environment without being asked for."""

_CREDENTIALS = ".credentials.json"
_SETTINGS = "settings.json"
_MEMORY = "CLAUDE.md"

# What a step has no use for: waking up later, leaving its workspace.
_NOT_FOR_A_STEP = ("ScheduleWakeup", "CronCreate", "EnterWorktree", "Workflow")


class Claude:
    """The runtime `claude`.

    The repository's own settings are not read at all (`--setting-sources user`): its hooks, MCP
    servers, `apiKeyHelper` and `env` could run commands or lead the key elsewhere. Its skills and
    its CLAUDE.md, which that leaves out as well, are brought in through the user's level.
    """

    name = "claude"

    def __init__(self, settings: RuntimeSettings, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.settings = settings
        self._clock = clock

    def program(self) -> Path:
        """The native binary, as installed."""
        return program_at(self.name, self.settings.binary, self.settings.environment.get("PATH"))

    def prepare(self, spec: RunSpec, place: Place) -> None:
        """Bring the login, the settings, the skills and the memory to `CLAUDE_CONFIG_DIR`."""
        del spec
        source = self.settings.operator_home
        for name in (_CREDENTIALS, _SETTINGS):
            copy_private(name, source, place.state)
        own = read_small(source / _MEMORY) if source is not None else None
        write_private(place.state / _MEMORY, _memory(own or b"", place.repo))
        _link(place.state / "skills", place.repo / ".claude" / "skills")

    def invocation(self, spec: RunSpec, place: Place) -> Invocation:
        """`claude -p` with the prompt on stdin."""
        passed = self.settings.environment
        env = {
            **cli_environment(passed, place),
            "CLAUDE_CONFIG_DIR": str(place.state),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "4",
            # Without it a server that never answers is waited for 11 × 300 s.
            "API_TIMEOUT_MS": "300000",
        }
        if self.settings.as_root:
            # The only way for this CLI to bypass approvals as root.
            env["IS_SANDBOX"] = "1"
        if "ANTHROPIC_BASE_URL" in passed:
            env["CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"] = "1"
        settings = _settings(passed.get("ANTHROPIC_BASE_URL"))
        argv = (
            str(self.program()),
            "-p",
            *("--output-format", "stream-json", "--verbose"),
            "--dangerously-skip-permissions",
            *("--setting-sources", "user", "--strict-mcp-config"),
            *("--settings", settings),
            *("--disallowedTools", ",".join(_NOT_FOR_A_STEP)),
            *_options(spec, self.settings.model),
        )
        return Invocation(
            argv=argv,
            env=env,
            prompt=spec.prompt.encode(),
            secrets=secret_values(
                env, secrets_of(self.settings.operator_home, _CREDENTIALS, _SETTINGS)
            ),
            shown=tuple("{…}" if arg == settings else arg for arg in argv),
        )

    def reader(self, place: Place) -> Reader:
        """A reader of `claude --output-format stream-json`."""
        return ClaudeReader(str(place.repo), self._clock)


def _settings(base_url: str | None) -> str:
    """The settings that win over every file's."""
    env = {"ANTHROPIC_BASE_URL": base_url} if base_url is not None else {}
    return json.dumps({"disableAllHooks": True, "env": env}, separators=(",", ":"))


def _options(spec: RunSpec, default_model: str | None) -> Iterator[str]:
    if model := spec.model or default_model:
        yield from ("--model", model)
    if spec.effort:
        yield from ("--effort", spec.effort)


def _memory(own: bytes, repo: Path) -> bytes:
    """The operator's memory, then imports of the repository's own."""
    imports = [f"@{repo / name}" for name in ("CLAUDE.md", ".claude/CLAUDE.md")]
    return own + b"\n" + "\n".join(imports).encode() + b"\n"


def _link(name: Path, target: Path) -> None:
    """Make `name` a link to `target`; a folder that an agent put there is left alone."""
    if name.is_symlink():
        name.unlink()
    elif name.exists():
        return
    name.symlink_to(target)
