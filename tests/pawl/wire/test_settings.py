"""Settings are refused by name, with a way out."""

import pytest

from pawl.wire.settings import ServiceSettings, load


class Example(ServiceSettings):
    """A service with one setting of its own."""

    listen: str = "127.0.0.1:0"
    slots: int = 2


def test_a_misspelt_setting_stops_the_start_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAWL_SLOTTS", "3")

    with pytest.raises(SystemExit) as ended:
        load(Example)

    assert ended.value.code == 78
    assert "PAWL_SLOTTS is not a setting of Pawl (did you mean PAWL_SLOTS?)" in (
        capsys.readouterr().err
    )


def test_a_wrong_value_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAWL_SLOTS", "hunter2")

    with pytest.raises(SystemExit):
        load(Example)

    said = capsys.readouterr().err
    assert "PAWL_SLOTS" in said
    assert "hunter2" not in said


def test_a_siblings_setting_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWL_CONTRACT_TARGET", "127.0.0.1:1")
    monkeypatch.setenv("PAWL_SLOTS", "3")

    assert load(Example).slots == 3


def test_an_empty_setting_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWL_SLOTS", "")

    assert load(Example).slots == 2
