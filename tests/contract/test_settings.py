"""What the contract makes of its environment."""

import pytest

from pawl.hosts import Hosts
from pawl.wire.settings import load
from services.contract.settings import Settings
from services.contract.values import Deployment


def test_without_an_environment_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(monkeypatch)

    assert settings.listen == "127.0.0.1:50051"
    assert settings.deployment() == Deployment()


def test_every_setting_reaches_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(
        monkeypatch,
        DEFAULT_REPOSITORY=" /srv/one ",
        DEFAULT_RUNTIME="gemini",
        ALLOW_LOCAL_REPOSITORIES="1",
        ALLOWED_REPOSITORIES="acme/*, /srv/*,",
        PRIVATE_HOSTS="git.corp.internal, 10.1.0.0/16",
        ALLOWED_HOSTS="*.corp.internal",
        GITHUB_URL="https://forge.corp.internal/",
    )

    assert settings.deployment() == Deployment(
        default_repository="/srv/one",
        default_runtime="gemini",
        allow_local_repositories=True,
        allowed_repositories=("acme/*", "/srv/*"),
        private_hosts=Hosts.of(["git.corp.internal", "10.1.0.0/16"]),
        allowed_hosts=Hosts.of(["*.corp.internal"]),
        forge_url="https://forge.corp.internal",
    )


def test_an_empty_default_repository_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, DEFAULT_REPOSITORY="").default_repository is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT_REPOSITORY", "https://user:hunter2@example.com/a"),
        ("DEFAULT_REPOSITORY", "/srv/one"),
        ("DEFAULT_RUNTIME", "copilot"),
        ("ALLOW_LOCAL_REPOSITORIES", "perhaps"),
        ("LISTEN", "everywhere"),
        ("GITHUB_URL", "https://git.example.org:99999"),
        ("PRIVATE_HOSTS", "10.1.2.3/16"),
        ("ALLOWED_HOSTS", "https://github.com"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    with pytest.raises(SystemExit):
        told(monkeypatch, **{name: value})

    complaint = capsys.readouterr().err
    assert f"PAWL_{name}" in complaint
    assert "hunter2" not in complaint


def told(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Settings:
    """Settings read from an environment of these and nothing else of Pawl's."""
    for name in list(Settings.model_fields):
        monkeypatch.delenv(f"PAWL_{name.upper()}", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(f"PAWL_{name}", value)
    return load(Settings, {})
