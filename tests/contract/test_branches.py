"""Which names of branches are taken, compared with git itself."""

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.branches import fault_of_existing, fault_of_new
from services.contract.plan import plan
from tests.contract.hostile.branches import BAD_TEXT, IMPOSSIBLE, TOO_LONG, UNWISE, WELCOME
from tests.contract.payloads import DEPLOYMENT, faults, payload

FIELDS = {
    "task.git.newBranch": lambda name: {"git": {"newBranch": name}},
    "task.git.startingBranch": lambda name: {"git": {"startingBranch": name}},
    "task.publish.prBaseBranch": lambda name: {"publish": {"prBaseBranch": name}},
}
EXISTING = ("task.git.startingBranch", "task.publish.prBaseBranch")
ODD = [
    *".-/@{}~^:?*[\\ $_",
    "..",
    ".lock",
    "@{",
    "refs/",
    "HEAD",
    "é",
    "\u200b",
    "\u3164",
    "a",
    "Z",
]


def naming(field: str, name: str) -> dict[str, Any]:
    return payload(FIELDS[field](name))


def named(table: Mapping[str, str]) -> "pytest.MarkDecorator":
    return pytest.mark.parametrize("name", table.values(), ids=table)


def git_takes(name: str) -> bool:
    """Whether git knows this for a branch's name, asked in both ways it offers."""
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_DIR": os.devnull,
    }
    asked = (["--branch", name], ["--allow-onelevel", f"refs/heads/{name}"])
    return all(
        subprocess.run(
            ["git", "check-ref-format", *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            check=False,
            timeout=5,
        ).returncode
        == 0
        for arguments in asked
    )


def test_there_are_sixty_hostile_names() -> None:
    names = [*IMPOSSIBLE.values(), *BAD_TEXT.values(), *TOO_LONG.values(), *UNWISE.values()]

    assert len(set(names)) == len(names) >= 60


@named(WELCOME)
@pytest.mark.parametrize("field", FIELDS)
def test_a_plain_name_is_taken(field: str, name: str) -> None:
    assert faults(naming(field, name)) == []


@named(IMPOSSIBLE)
@pytest.mark.parametrize("field", FIELDS)
def test_an_impossible_name_is_refused(field: str, name: str) -> None:
    ((where, code),) = faults(naming(field, name))

    assert where == field
    assert code == "BRANCH_NAME" or (code == "BAD_TEXT" and not name.isascii())


@named(BAD_TEXT)
@pytest.mark.parametrize("field", FIELDS)
def test_a_name_is_text_of_one_line(field: str, name: str) -> None:
    assert faults(naming(field, name)) == [(field, "BAD_TEXT")]


@named(TOO_LONG)
@pytest.mark.parametrize("field", FIELDS)
def test_a_name_has_a_limit(field: str, name: str) -> None:
    ((where, code),) = faults(naming(field, name))

    assert where == field
    assert code in {"BRANCH_NAME", "SIZE"}


@named(UNWISE)
def test_pawl_makes_no_branch_of_an_unwise_name_but_uses_one_that_exists(name: str) -> None:
    assert faults(naming("task.git.newBranch", name)) == [("task.git.newBranch", "BRANCH_NAME")]
    for field in EXISTING:
        assert faults(naming(field, name)) == []


@named(UNWISE | WELCOME)
def test_git_takes_what_the_contract_takes(name: str) -> None:
    assert fault_of_existing(name) is None
    assert git_takes(name)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=5).map("".join))
def test_git_takes_whatever_the_contract_takes(name: str) -> None:
    if fault_of_existing(name) is None or fault_of_new(name) is None:
        assert git_takes(name), name


@settings(max_examples=200)
@given(st.text(max_size=12) | st.lists(st.sampled_from(ODD), max_size=6).map("".join))
def test_a_new_branch_could_also_exist(name: str) -> None:
    assert fault_of_new(name) or fault_of_existing(name) is None


@named(IMPOSSIBLE | BAD_TEXT | TOO_LONG | UNWISE)
def test_a_refusal_says_what_is_wrong_and_what_to_do_without_the_name(name: str) -> None:
    (violation,) = plan(naming("task.git.newBranch", name), DEPLOYMENT).violations

    assert len(re.findall(r"[.](?= |$)", violation.description)) >= 2
    assert len(name) < 4 or name == "HEAD" or name not in violation.description
