"""How each CLI is started: argv, environment, files, secrets."""

import json
from pathlib import Path

import pytest

from services.runner.runtimes.runtime import Invocation, Place
from tests.runner.runtimes.support import place_in, program_in, runtime, spec_of

NAMES = ("codex", "gemini", "claude")
KEYS = {"codex": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY", "claude": "ANTHROPIC_API_KEY"}
KEY = "sk-made-up-0123456789"


def invoked(
    name: str,
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    operator_home: Path | None = None,
    model: str | None = None,
    effort: str | None = None,
    as_root: bool = False,
) -> tuple[Invocation, Place]:
    place = place_in(folder)
    made = runtime(
        name,
        program_in(folder),
        environment={KEYS[name]: KEY} if environment is None else environment,
        operator_home=operator_home,
        as_root=as_root,
    )
    spec = spec_of(name, model=model, effort=effort)
    made.prepare(spec, place)
    return made.invocation(spec, place), place


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_travels_on_stdin_and_never_on_argv(name: str, tmp_path: Path) -> None:
    invocation, _ = invoked(name, tmp_path)

    assert invocation.prompt.startswith(b"Pawl runs this step.")
    assert not [arg for arg in invocation.argv if "Pawl runs this step" in arg]


@pytest.mark.parametrize("name", NAMES)
def test_the_key_is_in_the_environment_alone_and_masked(name: str, tmp_path: Path) -> None:
    invocation, _ = invoked(name, tmp_path)

    assert not [arg for arg in (*invocation.argv, *invocation.shown) if KEY in arg]
    assert KEY in invocation.env.values()
    assert invocation.secrets == (KEY.encode(),)
    assert KEY not in repr(invocation)


@pytest.mark.parametrize("name", NAMES)
def test_home_temp_and_state_are_the_place_s(name: str, tmp_path: Path) -> None:
    invocation, place = invoked(name, tmp_path)

    assert invocation.env["HOME"] == str(place.home)
    assert invocation.env["TMPDIR"] == str(place.tmp)
    assert str(place.state) in invocation.env.values()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_service_s_own_environment_is_inherited(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///secret")

    invocation, _ = invoked(name, tmp_path)

    assert "DATABASE_URL" not in invocation.env


@pytest.mark.parametrize(
    ("name", "flag", "model"),
    [("codex", "-m", "gpt-x"), ("gemini", "-m", "gemini-x"), ("claude", "--model", "sonnet")],
)
def test_the_task_s_model_is_asked_for(name: str, flag: str, model: str, tmp_path: Path) -> None:
    invocation, _ = invoked(name, tmp_path, model=model)

    assert invocation.argv[invocation.argv.index(flag) + 1] == model


def test_without_a_model_codex_and_claude_choose_and_gemini_gets_one(tmp_path: Path) -> None:
    argvs = {}
    for name in NAMES:
        (tmp_path / name).mkdir()
        argvs[name] = invoked(name, tmp_path / name)[0].argv

    assert "-m" not in argvs["codex"]
    assert "--model" not in argvs["claude"]
    assert "-m" in argvs["gemini"]


def test_effort_reaches_each_cli_its_own_way(tmp_path: Path) -> None:
    found = {}
    for name in NAMES:
        (tmp_path / name).mkdir()
        found[name] = invoked(name, tmp_path / name, effort="high")

    assert 'model_reasoning_effort="high"' in found["codex"][0].argv
    argv = found["claude"][0].argv
    assert argv[argv.index("--effort") + 1] == "high"
    settings = (found["gemini"][1].state / ".gemini" / "settings.json").read_text()
    assert '"thinkingBudget": 24576' in settings


def test_codex_asks_its_own_provider_unless_a_base_url_is_passed(tmp_path: Path) -> None:
    invocation, _ = invoked("codex", tmp_path)

    assert not [arg for arg in invocation.argv if "model_provider" in arg]
    assert invocation.env["CODEX_API_KEY"] == KEY


def test_codex_is_given_a_provider_for_a_base_url_and_shows_it_without_its_value(
    tmp_path: Path,
) -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:1/v1/"}

    invocation, _ = invoked("codex", tmp_path, environment=environment)

    provider = next(arg for arg in invocation.argv if arg.startswith("model_providers.pawl="))
    assert 'base_url="http://127.0.0.1:1/v1"' in provider
    assert 'env_key="CODEX_API_KEY"' in provider
    assert "127.0.0.1" not in " ".join(invocation.shown)


def test_codex_hides_its_key_from_the_shells_it_starts(tmp_path: Path) -> None:
    invocation, _ = invoked("codex", tmp_path)

    policy = next(arg for arg in invocation.argv if arg.startswith("shell_environment_policy"))
    assert '"CODEX_API_KEY"' in policy
    assert '"OPENAI_API_KEY"' in policy


def test_codex_s_native_program_is_preferred_to_npm_s_launcher(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    launcher = modules / "@openai" / "codex" / "bin" / "codex.js"
    native = modules / "@openai" / "codex-linux-x64" / "vendor" / "x" / "bin" / "codex"
    for path in (launcher, native):
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o700)
    link = modules / "codex"
    link.symlink_to(launcher)

    assert runtime("codex", link).program() == native


def test_claude_reads_no_settings_of_the_repository_and_pins_a_passed_base_url(
    tmp_path: Path,
) -> None:
    environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}

    invocation, _ = invoked("claude", tmp_path, environment=environment)

    argv = invocation.argv
    assert argv[argv.index("--setting-sources") + 1] == "user"
    settings = json.loads(argv[argv.index("--settings") + 1])
    assert settings["disableAllHooks"] is True
    assert settings["env"] == {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}


@pytest.mark.parametrize(("as_root", "said"), [(True, "1"), (False, None)])
def test_claude_is_told_that_it_may_run_as_root_only_where_it_does(
    as_root: bool, said: str | None, tmp_path: Path
) -> None:
    invocation, _ = invoked("claude", tmp_path, as_root=as_root)

    assert invocation.env.get("IS_SANDBOX") == said


def test_claude_finds_the_repository_s_skills_and_memory_at_the_user_s_level(
    tmp_path: Path,
) -> None:
    _, place = invoked("claude", tmp_path)

    assert (place.state / "skills").readlink() == place.repo / ".claude" / "skills"
    assert f"@{place.repo}/CLAUDE.md" in (place.state / "CLAUDE.md").read_text()


def test_gemini_s_endpoints_and_proxies_are_always_set(tmp_path: Path) -> None:
    invocation, _ = invoked("gemini", tmp_path)

    assert invocation.env["GOOGLE_GEMINI_BASE_URL"] == "https://generativelanguage.googleapis.com"
    assert invocation.env["CODE_ASSIST_ENDPOINT"].startswith("https://")
    assert invocation.env["HTTPS_PROXY"] == ""


def test_gemini_s_proxy_is_set_under_both_spellings(tmp_path: Path) -> None:
    environment = {"GEMINI_API_KEY": KEY, "HTTPS_PROXY": "http://u:proxy-password@127.0.0.1:1"}

    invocation, _ = invoked("gemini", tmp_path, environment=environment)

    assert invocation.env["https_proxy"] == invocation.env["HTTPS_PROXY"]
    assert b"proxy-password" in invocation.secrets


@pytest.mark.parametrize(
    ("environment", "login", "auth"),
    [
        ({"GEMINI_API_KEY": KEY}, False, "gemini-api-key"),
        ({"GOOGLE_API_KEY": KEY}, False, "vertex-ai"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "true", "GEMINI_API_KEY": KEY}, False, "vertex-ai"),
        ({}, True, "oauth-personal"),
        ({}, False, "gemini-api-key"),
    ],
)
def test_gemini_logs_in_with_what_the_operator_has(
    environment: dict[str, str], login: bool, auth: str, tmp_path: Path
) -> None:
    operator = tmp_path / "operator"
    operator.mkdir()
    if login:
        (operator / "oauth_creds.json").write_text("{}")

    _, place = invoked("gemini", tmp_path, environment=environment, operator_home=operator)

    settings = json.loads((place.state / ".gemini" / "settings.json").read_text())
    assert settings["security"]["auth"]["selectedType"] == auth


def test_gemini_s_settings_keep_the_operator_s_where_pawl_says_nothing(tmp_path: Path) -> None:
    operator = tmp_path / "operator"
    operator.mkdir()
    own = {"ui": {"theme": "x"}, "telemetry": {"enabled": True, "target": "local"}}
    (operator / "settings.json").write_text(json.dumps(own))

    _, place = invoked("gemini", tmp_path, operator_home=operator)

    settings = json.loads((place.state / ".gemini" / "settings.json").read_text())
    assert settings["ui"] == {"theme": "x"}
    assert settings["telemetry"] == {"enabled": False, "target": "local"}


@pytest.mark.parametrize(
    ("name", "file", "content", "secret"),
    [
        ("codex", "auth.json", {"tokens": {"refresh_token": "rt-made-up"}}, b"rt-made-up"),
        (
            "claude",
            ".credentials.json",
            {"claudeAiOauth": {"accessToken": "at-made-up"}},
            b"at-made-up",
        ),
        ("gemini", "oauth_creds.json", {"access_token": "ya-made-up"}, b"ya-made-up"),
    ],
)
def test_the_operator_s_login_is_copied_in_private_and_masked(
    name: str, file: str, content: dict[str, object], secret: bytes, tmp_path: Path
) -> None:
    operator = tmp_path / "operator"
    operator.mkdir()
    (operator / file).write_text(json.dumps(content))

    invocation, place = invoked(name, tmp_path, environment={}, operator_home=operator)

    state = place.state / ".gemini" if name == "gemini" else place.state
    assert json.loads((state / file).read_text()) == content
    assert (state / file).stat().st_mode & 0o777 == 0o600
    assert secret in invocation.secrets


def test_codex_reads_its_configuration_only_where_the_operator_gave_one(tmp_path: Path) -> None:
    operator = tmp_path / "operator"
    operator.mkdir()
    (operator / "config.toml").write_text('model_verbosity = "low"\n')
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()

    given, _ = invoked("codex", tmp_path / "with", operator_home=operator)
    none, _ = invoked("codex", tmp_path / "without")

    assert "--ignore-user-config" not in given.argv
    assert "--ignore-user-config" in none.argv


@pytest.mark.parametrize(("name", "file"), [("codex", "config.toml"), ("claude", "settings.json")])
def test_configuration_that_an_earlier_step_left_is_taken_away(
    name: str, file: str, tmp_path: Path
) -> None:
    place = place_in(tmp_path)
    (place.state / file).write_text("planted")
    made = runtime(name, program_in(tmp_path))

    made.prepare(spec_of(name), place)

    assert not (place.state / file).exists()


def test_a_link_planted_where_a_file_goes_is_replaced_and_not_followed(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (place.state / "CLAUDE.md").symlink_to(victim)
    (place.state / "CLAUDE.md.pawl-new").symlink_to(victim)

    runtime("claude", program_in(tmp_path)).prepare(spec_of("claude"), place)

    assert victim.read_text() == "untouched"
    assert not (place.state / "CLAUDE.md").is_symlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_binary_is_refused_with_the_setting_to_mend(name: str, tmp_path: Path) -> None:
    made = runtime(name, tmp_path / "nowhere")

    with pytest.raises(FileNotFoundError, match=f"PAWL_{name.upper()}_BINARY"):
        made.program()
