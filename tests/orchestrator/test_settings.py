"""What the orchestrator makes of its environment."""

from datetime import timedelta
from pathlib import Path

import pytest

from pawl.hosts import HostRules, Hosts
from pawl.wire.settings import load
from services.orchestrator.screen.policy import ScreenPolicy, WorkflowChanges
from services.orchestrator.settings import Settings


def test_unless_told_workflows_make_drafts_and_every_rule_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert _told(monkeypatch, tmp_path).screen == ScreenPolicy()


def test_the_policy_is_what_the_operator_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _told(
        monkeypatch, tmp_path, WORKFLOW_CHANGES="deny", SECRET_RULES_OFF="npm-token, aws-key,"
    )

    assert settings.screen == ScreenPolicy(
        workflows=WorkflowChanges.DENY, rules_off=frozenset({"npm-token", "aws-key"})
    )


def test_hosts_are_those_the_operator_lists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _told(
        monkeypatch,
        tmp_path,
        ALLOW_LOCAL_REPOSITORIES="1",
        ALLOWED_REPOSITORIES="acme/*, https://git.corp.internal/*",
        PRIVATE_HOSTS="git.corp.internal, 10.1.0.0/16",
        ALLOWED_HOSTS="*.corp.internal",
    )

    assert settings.allowed_repositories == ("acme/*", "https://git.corp.internal/*")
    assert settings.hosts == HostRules(
        local=True,
        private=Hosts.of(["git.corp.internal", "10.1.0.0/16"]),
        allowed=Hosts.of(["*.corp.internal"]),
    )


@pytest.mark.parametrize(
    ("told", "api"),
    [
        ({}, "https://api.github.com"),
        ({"GITHUB_URL": "https://git.example.org/"}, "https://git.example.org/api/v3"),
        (
            {"GITHUB_URL": "https://git.example.org", "GITHUB_API_URL": "https://api.example.org"},
            "https://api.example.org",
        ),
    ],
)
def test_the_forges_api_is_where_the_forge_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: dict[str, str], api: str
) -> None:
    assert _told(monkeypatch, tmp_path, **told).forge_api == api


def test_second_pull_requests_are_looked_for_as_often_and_as_fast_as_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = {"RECONCILE_SECONDS": "5", "CLOSE_DUPLICATES": "true", "PACE": "0.5"}
    policy = _told(monkeypatch, tmp_path, **told).reconciliation

    assert (policy.round, policy.close) == (timedelta(seconds=5), True)
    assert (policy.between, policy.term) == (timedelta(seconds=1), timedelta(seconds=150))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RECONCILE_SECONDS", "0"),
        ("CLOSE_DUPLICATES", "maybe"),
        ("WORKFLOW_CHANGES", "maybe"),
        ("SECRET_RULES_OFF", "known-value"),
        ("GITHUB_URL", "git.example.org"),
        ("GITHUB_URL", "https://user:pass@git.example.org"),
        ("GITHUB_API_URL", "https://api.example.org/?token=x"),
        ("GITHUB_APP_ID", "47 11"),
        ("PULL_REQUEST_LABELS", "x" * 51),
        ("PULL_REQUEST_LABELS", "a\tb"),
        ("PULL_REQUEST_LABELS", ",".join(f"label-{number}" for number in range(21))),
        ("PRIVATE_HOSTS", "git.corp.internal, 10.1.2.3/16"),
        ("ALLOWED_HOSTS", "https://git.example.org"),
        ("VAULT_ADDR", "vault.example.org:8200"),
        ("VAULT_ADDR", "https://token@vault.example.org"),
        ("VAULT_MOUNTS", "kv,../sys"),
        ("VAULT_MOUNTS", "kv team"),
        ("COMMIT_NAME", "a<b"),
        ("COMMIT_EMAIL", "nobody"),
    ],
)
def test_what_cannot_be_meant_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    with pytest.raises(SystemExit):
        _told(monkeypatch, tmp_path, **{name: value})

    assert f"PAWL_{name}: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["GITHUB_APP_ID", "GITHUB_APP_KEY_FILE"])
def test_half_an_app_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    with pytest.raises(SystemExit):
        _told(monkeypatch, tmp_path, **{name: "4711"})

    said = capsys.readouterr().err
    assert "PAWL_GITHUB_APP_ID and PAWL_GITHUB_APP_KEY_FILE" in said
    assert "both or neither" in said


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"VAULT_ADDR": "https://v.example"}, "PAWL_VAULT_TOKEN_FILE"),
        ({"VAULT_TOKEN_FILE": "/etc/token"}, "PAWL_VAULT_ADDR"),
        ({"VAULT_MOUNTS": "kv"}, "PAWL_VAULT_ADDR"),
    ],
)
def test_half_a_vault_is_told_by_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    told: dict[str, str],
    named: str,
) -> None:
    with pytest.raises(SystemExit):
        _told(monkeypatch, tmp_path, **told)

    assert named in capsys.readouterr().err


def test_a_vaults_mounts_are_read_with_and_without_slashes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _told(
        monkeypatch,
        tmp_path,
        VAULT_ADDR="https://v.example/",
        VAULT_TOKEN_FILE="/etc/token",
        VAULT_MOUNTS="kv/, team/kv",
    )

    assert settings.vault_mounts == ("kv", "team/kv")
    assert settings.vault_addr == "https://v.example"


def _told(monkeypatch: pytest.MonkeyPatch, folder: Path, **environment: str) -> Settings:
    told = {"PAWL_DATA_DIR": str(folder)}
    told |= {f"PAWL_{name}": value for name, value in environment.items()}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return load(Settings, told)
