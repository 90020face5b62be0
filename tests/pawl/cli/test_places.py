"""On which line of a file a field stands, and when that is not said."""

from pathlib import Path

import pytest

from pawl.cli import payload, places
from pawl.cli.places import Places

YAML = """\
# A comment.
repository: o/r
"with blanks": 1
shared: &shared
  deep: 1
task: {limits: {a: 1},
       git: {}}
steps:
  - id: a
    instructions: |
      text: not a key

  -
    <<: *shared
    id: b
  - *shared
"""


def line(tmp_path: Path, text: str, field: str) -> int | None:
    file = tmp_path / "task.yaml"
    file.write_bytes(text.encode())
    place = Places(payload.read(str(file))).place(field)
    return int(place.removeprefix(f"{file}:")) if place else None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("repository", 2),
        ('["with blanks"]', 3),
        ("task", 6),
        ("task.limits.a", 6),
        ("task.git", 7),
        ("steps[0]", 9),
        ("steps[0].instructions", 10),
        ("steps[1].id", 15),
        ("steps[2].deep", 5),
    ],
)
def test_a_field_has_the_line_of_its_name(tmp_path: Path, field: str, expected: int) -> None:
    assert line(tmp_path, YAML, field) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [("task.instructions", 6), ("steps[0].skill.id", 9), ("steps[1].deep", 14), ("steps[9]", 8)],
)
def test_a_missing_field_has_the_line_of_what_should_hold_it(
    tmp_path: Path, field: str, expected: int
) -> None:
    assert line(tmp_path, YAML, field) == expected


@pytest.mark.parametrize("field", ["", "task.limits...", "nowhere.a", "[0]", '["rest', "#"])
def test_what_stands_nowhere_has_no_line(tmp_path: Path, field: str) -> None:
    assert line(tmp_path, YAML, field) is None


def test_a_name_that_may_have_been_cut_is_not_looked_for(tmp_path: Path) -> None:
    cut = "x" * 39 + "!"
    assert line(tmp_path, f"task:\n  {cut}y: 1\n  {cut}: 1\n", f'task["{cut}"]') == 1


def test_json_with_tabs_and_windows_line_ends_has_lines_or_none(tmp_path: Path) -> None:
    assert line(tmp_path, '{\r\n "a": {\r\n  "b": "\u2028"},\r\n "c": 1}', "c") == 4
    assert line(tmp_path, '{\n\t"a": 1}', "a") in {2, None}


def test_a_text_of_one_line_needs_no_lines(tmp_path: Path) -> None:
    assert line(tmp_path, '{"a": 1}\n', "a") is None


def test_a_large_text_is_not_read_twice(tmp_path: Path) -> None:
    assert line(tmp_path, "a: 1\n" + "#" * places.LIMIT, "a") is None
