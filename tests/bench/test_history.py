"""That the benchmark of history runs; its figures are nobody's business here."""

import json

import pytest

from bench import history
from bench.__main__ import main


@pytest.mark.timeout(60)
def test_each_span_is_asked_for_beside_the_queue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "JOBS", 500)

    code = main(["history", "--rounds=1", "--seconds=0.01", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [one["name"] for one in told["waits"]] == [
        "GetQueue",
        *(f"GetHistory, {name}" for name in history.SPANS),
    ]
    assert all(one["millis"] for one in told["waits"])
    assert [one["what"] for one in told["targets"]] == [f"GetHistory, {history.FULL}, p50"]
