"""How paths are spelled."""

import pytest

from services.contract.report import Path, Report, spelled


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("task", "steps", 2, "skill", "id"), "task.steps[2].skill.id"),
        ((), ""),
        (("a b",), '["a b"]'),
        (("task", "\x1b[0m"), 'task["\\u001b[0m"]'),
        (("\ud800",), '["\\ud800"]'),
        (("https://user:hunter2@host/",), '["***"]'),
    ],
)
def test_a_path_is_spelled_as_payloads_spell_it(path: Path, text: str) -> None:
    assert spelled(path) == text


def test_a_path_is_bounded_whatever_its_keys_are() -> None:
    assert len(spelled(("x" * 100_000,) * 16)) <= 256


def test_places_that_are_spelled_alike_are_told_of_once() -> None:
    """An odd key over its odd value, both cut at the same sign, was told of twice."""
    long = ("x" * 64,) * 4
    report = Report()
    for path in ((*long, "one"), (*long, "two"), ("https://a",), ("https://b",)):
        report.refuse(path, "BAD_TEXT", "It is odd. Mend it.")
        report.warn(path, "UNKNOWN", "It is odd. Mend it.")

    assert len(report.violations) == 2
    assert len(report.warnings) == 2
