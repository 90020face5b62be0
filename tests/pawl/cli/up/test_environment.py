"""Who gets to see what of the caller's environment."""

from pathlib import Path

import pytest

from pawl.cli.up import environment as env
from pawl.cli.up.home import Home
from pawl.cli.up.services import Service, existing

CALLER = {
    "PATH": "/bin",
    "HTTPS_PROXY": "http://proxy",
    "OPENAI_API_KEY": "model key",
    "ANTHROPIC_API_KEY": "model key",
    "GEMINI_API_KEY": "model key",
    "SSH_AUTH_SOCK": "push credential",
    "GITHUB_TOKEN": "push credential",
    "PAWL_GITHUB_TOKEN_FILE": "push credential",
    "PAWL_SKILLS_DIR": "/skills",
    "PAWL_SLOTS": "3",
    "PAWL_RUN_LEASE_SECONDS": "60",
    "PAWL_DEFAULT_RUNTIME": "codex",
    "PAWL_AGENT_ENV": "MY_*, OTHER",
    "MY_SETTING": "for agents",
    "OTHER": "for agents",
    "UNRELATED_SECRET": "for nobody",
}


def service(name: str) -> Service:
    return next(found for found in existing() if found.name == name)


def seen_by(name: str) -> dict[str, str]:
    return env.chosen(CALLER, service(name).wants(CALLER))


def test_model_keys_reach_the_runner_alone() -> None:
    assert "model key" in seen_by("runner").values()
    assert "model key" not in env.chosen(CALLER, env.ORCHESTRATOR).values()
    assert "model key" not in seen_by("contract").values()


def test_push_credentials_reach_the_orchestrator_alone() -> None:
    pushing = ("SSH_AUTH_SOCK", "GITHUB_TOKEN", "PAWL_GITHUB_TOKEN_FILE")
    assert set(pushing) <= set(env.chosen(CALLER, env.ORCHESTRATOR))
    assert "push credential" not in seen_by("runner").values()
    assert "push credential" not in seen_by("contract").values()


def test_what_agents_are_to_see_passes_through_the_runner() -> None:
    assert seen_by("runner")["MY_SETTING"] == seen_by("runner")["OTHER"] == "for agents"
    assert "for agents" not in env.chosen(CALLER, env.ORCHESTRATOR).values()


def test_nobody_gets_what_is_not_in_the_table() -> None:
    everything = (env.CONTRACT, env.ORCHESTRATOR, service("runner").wants(CALLER))
    assert all("UNRELATED_SECRET" not in env.chosen(CALLER, wanted) for wanted in everything)


def test_both_ends_of_a_run_lease_are_told_the_same() -> None:
    assert seen_by("runner")["PAWL_RUN_LEASE_SECONDS"] == "60"
    assert env.chosen(CALLER, env.ORCHESTRATOR)["PAWL_RUN_LEASE_SECONDS"] == "60"


@pytest.mark.parametrize(
    ("name", "known"), [("PAWL_SLOTZ", False), ("PAWL_DATABASE_URL", True), ("PAWL_LISTEN", True)]
)
def test_a_setting_without_effect_is_found(name: str, known: bool) -> None:
    assert env.leftovers({**CALLER, name: "x"}) == (env.Leftover(name, known),)


def test_a_clients_setting_is_no_leftover() -> None:
    assert env.leftovers({"PAWL_TARGET": "x", "PAWL_TOKEN": "x"}) == ()


def test_folders_are_the_users_alone(tmp_path: Path) -> None:
    folder = Home(tmp_path / "data").folder("runner")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
