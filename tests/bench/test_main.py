"""That the benchmarks' exit code tells what broke, and never how fast it was."""

import pytest

from bench import __main__ as bench
from bench import validate
from bench.processes import Broken
from bench.report import Report


def test_a_name_that_is_no_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["valdate"])

    assert ended.value.code == 2
    assert "there is no benchmark 'valdate'; there are validate, lists" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rounds=0", "--seconds=0", "--seconds=nan"])
def test_a_measurement_of_nothing_is_refused(option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main([option])

    assert ended.value.code == 2


def test_a_call_that_failed_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*, rounds: int, seconds: float) -> Report:
        raise Broken("ended with UNAVAILABLE")

    monkeypatch.setattr(validate, "run", run)

    assert bench.main(["validate"]) == 1
    assert capsys.readouterr().err == "bench validate: ended with UNAVAILABLE\n"
