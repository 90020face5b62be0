"""What the runner's variables mean, and which it refuses."""

from datetime import timedelta
from pathlib import Path

import pytest

from pawl.wire.settings import load
from services.runner.settings import Settings


def loaded(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name, value in {"PAWL_DATA_DIR": "/data", **given}.items():
        monkeypatch.setenv(name, value)
    return load(Settings)


def test_the_defaults_need_only_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch)

    assert (settings.listen, settings.slots) == ("127.0.0.1:50053", 2)
    assert settings.data_dir == Path("/data")
    assert settings.patience.orphan == timedelta(seconds=90)
    assert settings.heartbeat == timedelta(seconds=10)


def test_three_heartbeats_fit_thrice_into_a_short_run_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = loaded(monkeypatch, PAWL_RUN_LEASE_SECONDS="9")

    assert settings.heartbeat == timedelta(seconds=1)


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, PAWL_CAPABILITIES=" Qdrant, gpu,", PAWL_AGENT_ENV="CI_*,LANG")

    assert settings.capabilities == ("qdrant", "gpu")
    assert settings.agent_env == ("CI_*", "LANG")


def test_a_cli_sees_its_own_variables_and_those_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("CI_JOB", "7")
    monkeypatch.setenv("DATABASE_PASSWORD", "no")

    runtimes = loaded(monkeypatch, PAWL_AGENT_ENV="CI_*", PAWL_CODEX_HOME="/h").runtimes()

    assert sorted(runtimes) == ["claude", "codex", "gemini"]
    codex = runtimes["codex"].settings
    assert (codex.environment["OPENAI_API_KEY"], codex.environment["CI_JOB"]) == ("key", "7")
    assert "DATABASE_PASSWORD" not in codex.environment
    assert "OPENAI_API_KEY" not in runtimes["claude"].settings.environment
    assert codex.operator_home == Path("/h")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PAWL_SLOTS", "0"), ("PAWL_ISOLATION", "magic"), ("PAWL_LISTEN", "nowhere")],
)
def test_a_wrong_value_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    with pytest.raises(SystemExit) as end:
        loaded(monkeypatch, **{name: value})

    assert end.value.code == 78
    assert name in capsys.readouterr().err
