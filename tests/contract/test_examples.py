"""That every example is a valid task."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.contract.payloads import planned, warned

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_has_no_warnings(path: Path) -> None:
    payload = json.loads(json.dumps(YAML(typ="safe").load(path)))

    assert planned(payload).steps
    assert warned(payload) == []
