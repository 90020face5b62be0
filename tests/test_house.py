"""Rules of the house that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ("pawl", "services", "bench")
    for path in (ROOT / folder).rglob("*.py")
    if "v1" not in path.parts and path.stat().st_size
)

BROAD = {
    "pawl/wire/interceptors.py",  # the interceptor
    "services/runner/run.py",  # the run boundary
    "services/orchestrator/drive/claimer.py",  # the job boundary
    "services/orchestrator/reconciling.py",  # the same, of jobs that have ended
    "services/dashboard/streams.py",  # the same, of jobs that are shown
}
"""Where everything an outsider may cause is caught."""

REVEALING = {"environ", "environb", "getenv"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_opens_with_one_sentence_that_says_what_it_is_for(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text()))

    assert told
    assert told.splitlines()[0].endswith((".", ":", "``"))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_environment_is_read_by_settings_alone(path: Path) -> None:
    if path.name == "settings.py":
        return
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }

    assert not used & REVEALING


def broad(tree: ast.AST) -> Iterator[ast.ExceptHandler]:
    """Handlers that catch every error and do not raise it again."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        everything = any(
            one is None or (isinstance(one, ast.Name) and one.id == "Exception") for one in caught
        )
        if everything:
            yield node


def test_every_error_is_caught_at_the_boundaries_alone() -> None:
    found = {name(path) for path in SOURCES if any(broad(ast.parse(path.read_text())))}

    assert found == BROAD
