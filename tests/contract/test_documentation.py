"""That the codes, docs/task.md and the contract's sources tell the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_hooks import task_page
from services.contract.codes import VIOLATIONS, WARNINGS
from services.contract.kinds import Kind, Listing, Part
from services.contract.payload import PAYLOAD

SOURCES = sorted((Path(__file__).parents[2] / "services" / "contract").glob("*.py"))
PLACES = {"refuse": 1, "warn": 1, "Violation": 1, "Remark": 0}
"""Which argument of a call is a code."""
HANDED_ON = {"code", "self.code", "reason"}
"""Arguments that stand for a code which another call or the declaration has written out."""


def arguments(*calls: str) -> Iterator[ast.expr]:
    """What the sources give as a code to these calls, and to `code` of any call."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in calls:
                    yield node.args[PLACES[name]]
                elif "refuse" in calls:
                    yield from (word.value for word in node.keywords if word.arg == "code")


def written(*calls: str) -> set[str]:
    return {
        argument.value
        for argument in arguments(*calls)
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def declared(kind: Kind) -> Iterator[str]:
    """The codes that the declaration of a field, and of those inside of it, can give."""
    if code := getattr(kind, "code", None):
        yield code
    if isinstance(kind, Listing):
        yield from declared(kind.item)
    if isinstance(kind, Part):
        yield from (code for code, _ in (kind.closed or {}).values())
        for field in kind.fields.values():
            yield from declared(field)


def test_every_code_of_a_violation_has_a_sentence_and_no_other() -> None:
    assert written("refuse", "Violation") | set(declared(PAYLOAD)) == set(VIOLATIONS)


def test_every_code_of_a_warning_has_a_sentence_and_no_other() -> None:
    assert written("warn", "Remark") == set(WARNINGS)


def test_no_source_makes_a_code_that_is_not_written_out() -> None:
    """A code put together at run time would be missed by the tests above."""
    computed = {
        ast.unparse(argument)
        for argument in arguments(*PLACES)
        if not isinstance(argument, ast.Constant)
    }

    assert computed <= HANDED_ON | {"CODE"}


@pytest.mark.parametrize(("code", "sentence"), [*VIOLATIONS.items(), *WARNINGS.items()])
def test_a_code_says_one_sentence(code: str, sentence: str) -> None:
    assert code == code.upper()
    assert sentence[0].isupper() or sentence[0] == "`"
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_the_page_of_payloads_is_up_to_date() -> None:
    page = task_page.PAGE.read_text()

    assert task_page.renewed(page) == page, "docs/task.md is stale: run make docs"


def test_the_page_speaks_of_no_field_that_is_not_declared() -> None:
    declared_paths = {path for path, _ in task_page.fields(PAYLOAD, "")} | {""}
    spoken_of = {*task_page.SETTLED, *task_page.ALIKE, *task_page.SECTIONS}

    assert spoken_of | set(task_page.ALIKE.values()) <= declared_paths


def test_made_anew_twice_the_page_is_the_same() -> None:
    once = task_page.renewed(task_page.PAGE.read_text())

    assert task_page.renewed(once) == once


@pytest.mark.parametrize(
    "line", ["<!-- fields: made by make docs -->\n", "<!-- warnings: end -->\n"]
)
def test_a_page_that_lost_a_marker_is_not_written(line: str) -> None:
    page = task_page.PAGE.read_text().replace(line, "")

    with pytest.raises(ValueError, match=r"marker|lacks"):
        task_page.renewed(page)
