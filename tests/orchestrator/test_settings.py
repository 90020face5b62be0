"""What the orchestrator makes of its environment for what may be published."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORKFLOW_CHANGES", "maybe"), ("SECRET_RULES_OFF", "known-value")],
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


def _told(monkeypatch: pytest.MonkeyPatch, folder: Path, **environment: str) -> Settings:
    told = {"PAWL_DATA_DIR": str(folder)}
    told |= {f"PAWL_{name}": value for name, value in environment.items()}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return load(Settings, told)
