"""The real command line tools do what a script says, through their own tools."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import clis
from tests.support.model_api import ModelApi, serving_model_api

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

RUN_SECONDS = 120
SKILL = "---\nname: tune\ndescription: Teaches xylophone tuning.\n---\nStrike the plate.\n"

# What each CLI is asked to run with; the last are all the ways codex gets its tools.
MODELS = {
    "claude": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-pro",
    "codex": "gpt-5.5",
    "codex without a patch tool": "scripted-1",
    "codex in code mode": "gpt-6.1-sol",
}


@dataclass(frozen=True)
class Ended:
    """How a CLI ended: its exit code, the events it wrote, and what it wrote on stderr."""

    code: int
    events: list[dict[str, Any]]
    stderr: str


@dataclass(frozen=True)
class Bench:
    """One CLI with a home and a repository of its own, pointed at a model API."""

    name: str
    model: str
    home: Path
    repo: Path
    api: ModelApi

    def run(self, prompt: str) -> Ended:
        """Runs the CLI to its end as a runner would, with stdout going to a file."""
        argv, environment = getattr(self, f"_{self.name}")()
        out = self.home / "stdout.jsonl"
        with out.open("wb") as stdout:
            done = subprocess.run(
                [str(clis.binary(self.name)), *argv],
                input=prompt.encode(),
                stdout=stdout,
                stderr=subprocess.PIPE,
                cwd=self.repo,
                env={**self._environment(), **environment},
                timeout=RUN_SECONDS,
                start_new_session=True,
                check=False,
            )
        events = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        return Ended(done.returncode, events, done.stderr.decode(errors="replace"))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
        }

    def _codex(self) -> tuple[list[str], dict[str, str]]:
        (self.home / ".codex").mkdir(exist_ok=True)
        provider = (
            f'{{name="scripted",base_url="{self.api.url}/v1",env_key="MODEL_TOKEN",'
            'wire_api="responses",request_max_retries=0,stream_max_retries=0}'
        )
        argv = ["exec", "-C", str(self.repo), "--json", "--skip-git-repo-check"]
        argv += ["--dangerously-bypass-approvals-and-sandbox", "--ignore-user-config"]
        argv += ["--ignore-rules", "-m", self.model, "-c", 'model_provider="scripted"']
        argv += ["-c", f"model_providers.scripted={provider}", "-c", "allow_login_shell=false"]
        argv += ["-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"]
        argv += ["--disable", "plugins", "--disable", "apps"]
        argv += ["--disable", "unbounded_connection_retries", "-"]
        return argv, {"CODEX_HOME": str(self.home / ".codex"), "MODEL_TOKEN": "made-up"}

    def _claude(self) -> tuple[list[str], dict[str, str]]:
        argv = ["-p", "--output-format", "stream-json", "--verbose", "--model", self.model]
        argv += ["--dangerously-skip-permissions", "--setting-sources", "user,project"]
        argv += ["--strict-mcp-config", "--session-id", str(uuid.uuid4())]
        argv += ["--settings", '{"disableAllHooks":true}']
        return argv, {
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "ANTHROPIC_API_KEY": "made-up",
            "ANTHROPIC_BASE_URL": self.api.url,
            "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            # Without it the CLI refuses to skip permissions when the tests run as root.
            "IS_SANDBOX": "1",
        }

    def _gemini(self) -> tuple[list[str], dict[str, str]]:
        settings = self.home / ".gemini/settings.json"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(
            json.dumps(
                {
                    "security": {"auth": {"selectedType": "gemini-api-key"}},
                    "general": {"enableAutoUpdate": False, "maxAttempts": 1},
                    "privacy": {"usageStatisticsEnabled": False},
                    "telemetry": {"enabled": False},
                    "ide": {"enabled": False},
                    "advanced": {"ignoreLocalEnv": True},
                }
            )
        )
        argv = ["-o", "stream-json", "--approval-mode", "yolo", "--skip-trust", "-m", self.model]
        return argv, {
            "GEMINI_API_KEY": "made-up",
            "GOOGLE_GEMINI_BASE_URL": self.api.url,
            "GEMINI_CLI_NO_RELAUNCH": "1",
        }


@pytest.fixture
def model_api() -> Iterator[ModelApi]:
    with serving_model_api() as api:
        yield api


@pytest.fixture(params=list(MODELS))
def bench(request: pytest.FixtureRequest, tmp_path: Path, model_api: ModelApi) -> Bench:
    """Fails, rather than skips, when the CLI is not installed; the message says what to run."""
    name = request.param.split()[0]
    clis.binary(name)
    home = tmp_path / "home"
    repo = tmp_path / "repo"
    (home / "tmp").mkdir(parents=True)
    skill = repo / ".agents/skills/tune/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text(SKILL)
    (repo / ".claude").mkdir()
    (repo / ".claude/skills").symlink_to("../.agents/skills")
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    return Bench(name, MODELS[request.param], home, repo, model_api)


def test_files_are_edited_and_commands_run_as_the_script_says(bench: Bench) -> None:
    (bench.repo / "old.txt").write_text("before\n")

    ended = bench.run(
        "A prompt of a test.\n"
        "do: write objective.txt The objective holds no directive of this step.\\n\n"
        "STEP 1/2 edit\n"
        "do: think Where to begin.\n"
        "do: say I shall write two files.\n"
        "do: write made/new.txt first\\nsecond\\n\n"
        "do: write bare.txt no newline at the end\n"
        "do: write old.txt after\\n\n"
        "do: append made/new.txt third\\n\n"
        "do: run wc -l < made/new.txt > count.txt; exit 3\n"
        "do: touch touched\n"
        "do: wait-for touched\n"
        "do: read made/new.txt\n"
        "do: say All is written.\n"
    )

    assert (ended.code, ended.stderr[-500:] if ended.code else "") == (0, "")
    assert (bench.repo / "made/new.txt").read_text() == "first\nsecond\nthird\n"
    assert (bench.repo / "bare.txt").read_text() == "no newline at the end"
    assert (bench.repo / "old.txt").read_text() == "after\n"
    assert (bench.repo / "count.txt").read_text().strip() == "3"
    assert (bench.repo / "touched").exists()
    assert not (bench.repo / "objective.txt").exists()
    assert "All is written." in json.dumps(ended.events[-3:])


def test_the_model_sees_the_repository_s_skill_and_can_use_it(bench: Bench) -> None:
    ended = bench.run("A prompt of a test.\ndo: skill tune\ndo: say Tuned.\n")

    asked = [json.dumps(request.body) for request in bench.api.requests]
    assert ended.code == 0
    assert "Teaches xylophone tuning." in asked[0]
    assert "Strike the plate." not in asked[0]
    assert "Strike the plate." in asked[-1]


def test_a_failing_model_fails_the_run(bench: Bench) -> None:
    ended = bench.run("A prompt of a test.\ndo: touch before\ndo: fail 400\ndo: touch after\n")

    assert ended.code != 0
    assert (bench.repo / "before").exists()
    assert not (bench.repo / "after").exists()


def test_a_refusing_model_ends_the_run_before_the_next_act(bench: Bench) -> None:
    ended = bench.run("A prompt of a test.\ndo: refuse\ndo: touch after\n")

    assert ended.code == (1 if bench.name == "claude" else 0)
    assert not (bench.repo / "after").exists()


def test_a_directive_that_no_model_can_follow_fails_the_run(bench: Bench) -> None:
    ended = bench.run("A prompt of a test.\ndo: fork-daemon\n")

    assert ended.code != 0
    assert "scripted agent" in json.dumps(ended.events) + ended.stderr
