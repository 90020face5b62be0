"""That every rule accepts what it should and refuses what it should, at its path, by its code."""

from typing import Any

import pytest

from services.contract.plan import plan
from services.contract.values import Stage
from tests.contract.payloads import payload, planned
from tests.contract.rule_table import RULES, Accepted, Refused

ACCEPTED = [
    pytest.param(case, id=f"{rule}: {number}")
    for rule, cases in RULES.items()
    for number, case in enumerate(cases)
    if isinstance(case, Accepted)
]
REFUSED = [
    pytest.param(case, id=f"{rule}: {number}")
    for rule, cases in RULES.items()
    for number, case in enumerate(cases)
    if isinstance(case, Refused)
]


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_payload_that_keeps_the_rule_is_planned(case: Accepted) -> None:
    task = planned(dict(case.raw), case.deployment).task

    assert {path: _at(task, path) for path in case.says} == case.says


@pytest.mark.parametrize("case", REFUSED)
def test_a_payload_that_breaks_the_rule_is_refused_there(case: Refused) -> None:
    answer = plan(dict(case.raw), case.deployment)

    assert tuple((item.field, item.reason) for item in answer.violations) == case.faults
    assert "canary" not in repr(answer)


def test_every_rule_has_both_sides() -> None:
    sides = {rule: {type(case) for case in cases} for rule, cases in RULES.items()}

    assert len(sides) == 15
    assert all(kinds == {Accepted, Refused} for kinds in sides.values())


@pytest.mark.parametrize(
    ("mode", "stages"),
    [
        ("none", [Stage.PREPARE, Stage.EXECUTE]),
        ("branch", [Stage.PREPARE, Stage.EXECUTE, Stage.PUBLISH]),
        ("pr", [Stage.PREPARE, Stage.EXECUTE, Stage.PUBLISH]),
        (None, [Stage.PREPARE, Stage.EXECUTE, Stage.PUBLISH]),
    ],
)
def test_a_job_is_published_unless_the_mode_is_none(mode: str | None, stages: list[Stage]) -> None:
    assert list(planned(payload({"publish": {"mode": mode}})).stages) == stages


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values
