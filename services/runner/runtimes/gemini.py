"""Runs Google's Gemini CLI headless."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from services.runner.runtimes.environment import SHARED_ENV, cli_environment, secret_values
from services.runner.runtimes.files import (
    as_object,
    copy_private,
    program_at,
    read_small,
    secrets_of,
    write_private,
)
from services.runner.runtimes.gemini_reader import GeminiReader
from services.runner.runtimes.lines import Clock
from services.runner.runtimes.runtime import Invocation, Place, Reader, RuntimeSettings
from services.runner.values import RunSpec

GEMINI_ENV: tuple[str, ...] = (
    *SHARED_ENV,
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
"""The names that pass from the service's environment without being asked for."""

_MODEL = "gemini-2.5-pro"
"""Without `-m` each run first pays for a call that chooses the model."""

_CREDENTIALS = ("oauth_creds.json", "google_accounts.json", "installation_id")
_SETTINGS = "settings.json"
_OVERRIDES = "gemini-settings.json"

# The CLI reads `.gemini/.env` of the repository whatever its settings say, but a variable that is
# set already keeps its value. So everything that leads the key or the conversation elsewhere is
# set: the endpoints to the real ones, the rest to what the CLI takes for unset.
_PINNED = {
    "GOOGLE_GEMINI_BASE_URL": "https://generativelanguage.googleapis.com",
    "GOOGLE_VERTEX_BASE_URL": "",
    "CODE_ASSIST_ENDPOINT": "https://cloudcode-pa.googleapis.com",
    "GEMINI_CLI_CUSTOM_HEADERS": "",
    "GEMINI_SYSTEM_MD": "",
    "GEMINI_SANDBOX": "false",
    "GEMINI_TELEMETRY_ENABLED": "false",
    "GEMINI_CLI_ACTIVITY_LOG_TARGET": "",
    "GOOGLE_GENAI_USE_VERTEXAI": "",
    "GOOGLE_GENAI_USE_GCA": "",
    "NODE_TLS_REJECT_UNAUTHORIZED": "1",
}

# The CLI has no flag for effort; these budgets are what its models take, by the words of the other
# two CLIs.
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768}


class Gemini:
    """The runtime `gemini`."""

    name = "gemini"

    def __init__(self, settings: RuntimeSettings, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.settings = settings
        self._clock = clock

    def program(self) -> Path:
        """A node script."""
        return program_at(self.name, self.settings.binary, self.settings.environment.get("PATH"))

    def prepare(self, spec: RunSpec, place: Place) -> None:
        """Bring the login and the settings to `GEMINI_CLI_HOME`, ours above the operator's."""
        source = _dot_gemini(self.settings.operator_home)
        state = place.state / ".gemini"
        for name in _CREDENTIALS:
            copy_private(name, source, state)
        logged_in = (state / _CREDENTIALS[0]).exists()
        ours = _overrides(self._model(spec), spec.effort, self._auth(logged_in=logged_in))
        own = as_object(read_small(source / _SETTINGS) if source is not None else None)
        write_private(state / _SETTINGS, json.dumps(_merged(own, ours)).encode())
        # Once more as the system's settings, which win over the repository's too. The CLI skips
        # that file, with a warning, where any folder above it can be written by others.
        write_private(place.run / _OVERRIDES, json.dumps(ours).encode())

    def invocation(self, spec: RunSpec, place: Place) -> Invocation:
        """`gemini -o stream-json` with the prompt on stdin."""
        passed = self.settings.environment
        env = {
            **cli_environment({**_PINNED, **passed, **_proxies(passed)}, place),
            "GEMINI_CLI_HOME": str(place.state),
            "GEMINI_CLI_SYSTEM_SETTINGS_PATH": str(place.run / _OVERRIDES),
            # It would start itself again and then ignore signals.
            "GEMINI_CLI_NO_RELAUNCH": "1",
            "NODE_OPTIONS": "--max-old-space-size=2048",
        }
        argv = (
            str(self.program()),
            *("-o", "stream-json"),
            *("--approval-mode", "yolo"),
            # Trusts the folder for approvals, but runs none of its hooks and MCP servers.
            "--skip-trust",
            *("-m", self._model(spec)),
        )
        files = (*_CREDENTIALS[:1], _SETTINGS)
        found = secrets_of(_dot_gemini(self.settings.operator_home), *files)
        return Invocation(
            argv=argv,
            env=env,
            prompt=spec.prompt.encode(),
            secrets=secret_values(env, found),
            shown=argv,
        )

    def reader(self, place: Place) -> Reader:
        """A reader of `gemini -o stream-json`."""
        return GeminiReader(str(place.repo), self._clock)

    def _model(self, spec: RunSpec) -> str:
        return spec.model or self.settings.model or _MODEL

    def _auth(self, *, logged_in: bool) -> str:
        passed = self.settings.environment
        if passed.get("GOOGLE_GENAI_USE_VERTEXAI"):
            return "vertex-ai"
        if passed.get("GEMINI_API_KEY"):
            return "gemini-api-key"
        if passed.get("GOOGLE_API_KEY"):
            return "vertex-ai"
        if logged_in or passed.get("GOOGLE_GENAI_USE_GCA"):
            return "oauth-personal"
        return "gemini-api-key"


def _proxies(passed: Mapping[str, str]) -> dict[str, str]:
    """The operator's proxies, or none, under both spellings: an empty one would hide the other."""
    return {
        name: passed.get(upper) or passed.get(upper.lower()) or ""
        for upper in ("HTTP_PROXY", "HTTPS_PROXY")
        for name in (upper, upper.lower())
    }


def _dot_gemini(home: Path | None) -> Path | None:
    """The folder with the operator's files, whether `home` names it or the one above."""
    if home is not None and (home / ".gemini").is_dir():
        return home / ".gemini"
    return home


def _merged(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged


def _overrides(model: str, effort: str | None, auth: str) -> Mapping[str, object]:
    """The settings that a step needs."""
    settings: dict[str, object] = {
        "security": {"auth": {"selectedType": auth}, "folderTrust": {"enabled": True}},
        "general": {
            "enableAutoUpdate": False,
            "enableAutoUpdateNotification": False,
            "maxAttempts": 4,
        },
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "ide": {"enabled": False},
        "advanced": {"ignoreLocalEnv": True},
        "hooksConfig": {"enabled": False},
    }
    budget = _BUDGETS.get(effort) if effort is not None else None
    if budget is not None:
        thinking = {"generateContentConfig": {"thinkingConfig": {"thinkingBudget": budget}}}
        settings["modelConfigs"] = {
            "customOverrides": [{"match": {"model": model}, "modelConfig": thinking}]
        }
    return settings
