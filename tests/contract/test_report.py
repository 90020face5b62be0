"""How paths are spelled."""

import pytest

from services.contract.report import Path, spelled


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
