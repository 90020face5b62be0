"""Runs OpenAI's Codex CLI headless."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.runner.runtimes import failures, fields
from services.runner.runtimes.environment import (
    SHARED_ENV,
    cli_environment,
    names_secret,
    secret_values,
)
from services.runner.runtimes.files import copy_private, program_at, secrets_of
from services.runner.runtimes.lines import Clock, LineReader, erred, notice, told
from services.runner.runtimes.runtime import Invocation, Place, Reader, RuntimeSettings, Verdict
from services.runner.runtimes.visible import FINAL_MESSAGE_BYTES, visible
from services.runner.values import Activity, ActivityKind, ErrorClass, Exit, RunSpec, Usage

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

_LOGIN = (
    "Set CODEX_API_KEY for the runner, or log in with `codex login` and set PAWL_CODEX_HOME to the"
    " directory it wrote; check that the account has credit."
)
_CONFIG = "config.toml"
_CREDENTIALS = "auth.json"
_NOISE = re.compile(r"^Reading prompt from stdin|^WARNING: proceeding|^warning: Untrusted")

# An API account without credit is answered 429, but waiting does not help it.
_RULES: failures.Rules = (
    (re.compile(r"insufficient_quota|quota exceeded\. check", re.IGNORECASE), ErrorClass.AUTH),
    (re.compile(r"cyber_policy|invalid_prompt", re.IGNORECASE), ErrorClass.REFUSED),
)
_BUDGET = re.compile(r"budget reached", re.IGNORECASE)
_RETRYING = re.compile(r"^Reconnecting\.\.\.")


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


class CodexReader(LineReader):
    """Reads `codex exec --json`."""

    def __init__(self, repo: str, clock: Clock) -> None:
        super().__init__(repo, clock)
        self._message: str | None = None
        self._last = ""

    @property
    def resulted(self) -> bool:
        """The turn is over, well or ill."""
        return self._last in {"turn.completed", "turn.failed"}

    def _event(self, event: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(event, "type")
        self._last = kind
        match kind:
            case "thread.started":
                return told(ActivityKind.SESSION, fields.text(event, "thread_id"))
            case "turn.started":
                return ()
            case "turn.completed":
                return (self._used(_usage(fields.mapping(event, "usage"))),)
            case "turn.failed":
                return self._error(fields.text(fields.mapping(event, "error"), "message"))
            case "error":
                return self._error(fields.text(event, "message"))
            case "item.started":
                return _started(fields.mapping(event, "item"))
            case "item.updated":
                return ()
            case "item.completed":
                return self._completed(fields.mapping(event, "item"))
            case _:
                return self._unknown(kind)

    def _error(self, message: str) -> Sequence[Activity]:
        if _RETRYING.search(message):
            return (notice(message),)
        found = failures.trouble(message, self._clock(), rules=_RULES)
        # `turn.failed` repeats the words of the `error` before it.
        again = self.trouble is not None and self.trouble.message == found.message
        self.trouble = found
        return () if again else (erred(found),)

    def _completed(self, item: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(item, "type")
        match kind:
            case "agent_message":
                self._message = visible(fields.text(item, "text"), FINAL_MESSAGE_BYTES)
                return told(ActivityKind.MESSAGE, fields.text(item, "text"))
            case "reasoning":
                return told(ActivityKind.REASONING, fields.text(item, "text"))
            case "command_execution":
                code = fields.count(item, "exit_code")
                output = fields.text(item, "aggregated_output")
                return told(ActivityKind.TOOL_RESULT, f"exit {code}\n{output}")
            case "file_change":
                return self._changes(item)
            case "mcp_tool_call":
                outcome = item.get("error") or item.get("result")
                return told(
                    ActivityKind.TOOL_RESULT,
                    f"{fields.text(item, 'status')} {fields.compact(outcome, 8192)}",
                )
            case "web_search" | "todo_list" | "collab_tool_call":
                return ()
            case "error":
                # A warning about configuration or the model; the run goes on.
                return (notice(fields.text(item, "message")),)
            case _:
                return self._unknown(f"item {kind}")

    def _changes(self, item: Mapping[str, object]) -> Sequence[Activity]:
        if fields.text(item, "status") != "completed":
            return told(ActivityKind.TOOL_RESULT, "a change of files was not made")
        return [
            self._changed(fields.text(change, "path"))
            for change in fields.mappings(item, "changes")
        ]

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        """Success: exit 0, `turn.completed` last, and at least one message."""
        completed = self._last == "turn.completed"
        exited_well = end.code == 0 or dismissed
        failure = None
        if not (completed and exited_well):
            how = failures.how_ended("codex", end)
            if self.trouble is not None and _BUDGET.search(self.trouble.message):
                failure = failures.over_budget(f"{how}. {self.trouble.message}")
            elif end.code == 0 and self.trouble is None:
                failure = failures.incomplete(f"{how} before its turn was completed")
            else:
                words = failures.last_words(stderr_tail, _NOISE)
                failure = failures.of_trouble("codex", self.trouble, end, words, _LOGIN)
        elif self._message is None:
            # Of a refusal this CLI tells nothing at all, and neither of an empty reply.
            failure = failures.refused("codex ended its turn without a message: the model refused")
        return Verdict(
            succeeded=failure is None,
            failure=failure,
            final_message=self._message or "",
            usage=self.usage,
            reset_time=_reset(self, failure is not None),
        )


def _reset(reader: LineReader, failed: bool) -> datetime | None:
    return reader.trouble.reset_time if failed and reader.trouble is not None else None


def _started(item: Mapping[str, object]) -> Sequence[Activity]:
    match fields.text(item, "type"):
        case "command_execution":
            return told(ActivityKind.TOOL_CALL, f"shell: {fields.text(item, 'command')}")
        case "mcp_tool_call":
            tool = f"{fields.text(item, 'server')}.{fields.text(item, 'tool')}"
            return told(
                ActivityKind.TOOL_CALL, f"{tool}: {fields.compact(item.get('arguments'), 8192)}"
            )
        case "web_search":
            return told(ActivityKind.TOOL_CALL, f"web search: {fields.text(item, 'query')}")
        case "collab_tool_call":
            return told(ActivityKind.TOOL_CALL, f"sub-agent: {fields.text(item, 'tool')}")
        case _:
            return ()


def _usage(usage: Mapping[str, object]) -> Usage:
    return Usage(
        input_tokens=fields.count(usage, "input_tokens"),
        cached_input_tokens=fields.count(usage, "cached_input_tokens"),
        output_tokens=fields.count(usage, "output_tokens"),
        reasoning_tokens=fields.count(usage, "reasoning_output_tokens"),
    )
