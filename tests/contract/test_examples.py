"""That every example, in a file or on a page, gives what is said of it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from services.contract.plan import plan
from services.contract.schema import schema
from services.contract.values import Deployment
from tests.contract.payloads import planned, warned

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
TASK_PAGE = ROOT / "docs" / "task.md"

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOUND = re.compile(r"`([A-Z_]+)` at `([^`]+)`")
PROMISE = re.compile(r"(?:^|\. )(Gives [^:]+):$")


@dataclass(frozen=True)
class Block:
    """A fenced payload with the sentence before it, if that tells what the payload gives."""

    where: str
    payload: dict[str, Any]
    promise: str

    @property
    def planned(self) -> bool:
        """Whether a plan is promised; without a word it is, and no warnings."""
        return not self.promise or "a plan" in self.promise

    @property
    def found(self) -> list[tuple[str, str]]:
        """Path and code of what is promised besides."""
        return [(path, code) for code, path in FOUND.findall(self.promise)]


def loaded(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe").load(text)))


def blocks(page: Path) -> Iterator[Block]:
    """Every block of JSON or YAML that is a payload, or is promised to give something."""
    text = page.read_text()
    for match in FENCED.finditer(text):
        kind, body = match.groups()
        if kind not in {"json", "yaml"}:
            continue
        before = text[: match.start()].rstrip().rpartition("\n\n")[2].replace("\n", " ")
        promise = "".join(PROMISE.findall(before))
        payload = json.loads(body) if kind == "json" else loaded(body)
        if promise or "task" in payload:
            line = text.count("\n", 0, match.start()) + 1
            yield Block(f"{page.name}:{line}", payload, promise)


BLOCKS = [block for page in (TASK_PAGE, ROOT / "README.md") for block in blocks(page)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_has_no_warnings(path: Path) -> None:
    payload = loaded(path.read_text())

    assert planned(payload).steps
    assert warned(payload) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_opens_with_a_line_that_says_what_it_shows(path: Path) -> None:
    assert re.match(r"# [A-Z].*[.:]", path.read_text())


def test_the_page_of_payloads_names_every_example() -> None:
    linked = re.findall(r"\(\.\./examples/([^)]+)\)", TASK_PAGE.read_text())

    assert set(linked) == {path.name for path in EXAMPLES}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_payload_on_a_page_gives_what_the_page_says(block: Block) -> None:
    answer = plan(block.payload, Deployment())

    told = answer.warnings if block.planned else answer.violations
    assert (answer.plan is not None) == block.planned, answer.violations
    assert [(item.field, item.reason) for item in told] == block.found


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_an_editor_marks_no_payload_that_a_page_shows_a_plan_for(block: Block) -> None:
    known = jsonschema.Draft202012Validator(json.loads(schema(Deployment())))

    assert not block.planned or known.is_valid(block.payload)


def test_the_pages_show_plans_violations_and_warnings() -> None:
    """Without any the test above would say nothing."""
    assert any(block.planned and not block.found for block in BLOCKS)
    assert any(block.planned and block.found for block in BLOCKS)
    assert any(not block.planned for block in BLOCKS)


def test_the_whole_example_sets_every_field_of_a_task() -> None:
    """All but the container's, which excludes steps."""
    whole = max((block for block in BLOCKS if len(block.payload) > 2), key=lambda b: len(str(b)))
    provenance = planned(whole.payload).provenance

    defaulted = {path for path, origin in provenance.items() if origin == "defaulted"}
    assert {path for path in defaulted if not path.startswith("task.container")} == set()
