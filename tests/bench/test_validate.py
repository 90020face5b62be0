"""That the benchmark of ValidateTask runs; its figures are nobody's business here."""

import json

import pytest

from bench.__main__ import main

# These start processes, which takes its time on a machine that is busy.
pytestmark = pytest.mark.timeout(60)


def test_each_subject_is_called_at_each_concurrency(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["validate", "--rounds=1", "--seconds=0.02", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {(one["subject"], one["concurrency"]) for one in told["series"]} == {
        (subject, callers)
        for subject in ("echo", "echo, long answer", "validate")
        for callers in (1, 8, 32)
    }
    assert all(one["rounds"][0]["calls"] > 0 for one in told["series"])
    assert len(told["targets"]) == 4


def test_a_profile_names_the_services_own_functions(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["validate", "--rounds=1", "--seconds=0.5", "--profile"])

    assert code == 0
    assert "(ValidateTask)" in capsys.readouterr().out
