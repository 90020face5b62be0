"""Who gets to see what of the caller's environment."""

import importlib
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
    "PAWL_GITHUB_APP_KEY_FILE": "push credential",
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
    pushing = {name for name, value in CALLER.items() if value == "push credential"}
    assert pushing <= set(env.chosen(CALLER, env.ORCHESTRATOR))
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


@pytest.mark.parametrize("name", ["contract", "orchestrator", "runner"])
def test_every_setting_reaches_its_service_unless_it_is_decided_here(
    tmp_path: Path, name: str
) -> None:
    """What may become of workflows could once not be set where it says how."""
    settings = importlib.import_module(f"services.{name}.settings").Settings
    asked = {f"PAWL_{field.upper()}": "x" for field in settings.model_fields}
    decided = {
        *service(name).told(Home(tmp_path), {"contract": "", "runner": ""}),
        *("PAWL_LISTEN", "PAWL_ADDRESS_FILE", "PAWL_LEAVE_WITH_PARENT"),
        *("PAWL_DATABASE_URL", "PAWL_ARTIFACTS_URL"),
    }

    assert asked.keys() - decided <= env.chosen(asked, service(name).wants(asked)).keys()


def test_a_clients_setting_is_no_leftover() -> None:
    assert env.leftovers({"PAWL_TARGET": "x", "PAWL_TOKEN": "x"}) == ()


def test_folders_are_the_users_alone(tmp_path: Path) -> None:
    folder = Home(tmp_path / "data").folder("runner")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
