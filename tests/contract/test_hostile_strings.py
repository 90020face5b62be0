"""Hostile text in every place of a payload: refused by path, or unable to pose as Pawl."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.plan import plan
from services.contract.values import Answer
from tests.contract.hostile.strings import (
    ALL,
    ESCAPES,
    HIDDEN_INSIDE,
    HONEST,
    INKLESS,
    LINE_ENDS,
    LINES,
    SMUGGLED,
)
from tests.contract.payloads import DEPLOYMENT, payload, planned

HARMLESS = "harmless-0"
LINE_END = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\ud800-\udfff]"
)
"""What a terminal might act on, or cannot be sent."""
TWO_SENTENCES = re.compile(r"[a-z0-9)][.] [A-Z]")
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Place:
    """Where a text may stand."""

    path: str
    """What the path of a violation begins with."""
    build: Callable[[str], dict[str, Any]]
    codes: tuple[str, ...] = ()
    """Of violations, besides those that any text may have."""


def named(table: Mapping[str, str]) -> "pytest.MarkDecorator":
    return pytest.mark.parametrize("text", table.values(), ids=table)


def _task(**fields: Any) -> dict[str, Any]:
    steps = [
        {"id": "one", "title": "First", "instructions": "Begin."},
        {"id": "two", "instructions": "End."},
    ]
    return payload({"steps": steps, **fields})


def _skill(**fields: Any) -> dict[str, Any]:
    return _task(skill={"id": "verify", **fields})


PLACES = {
    "objective": Place("task.instructions", lambda text: _task(instructions=text), ("REQUIRED",)),
    "instructions": Place(
        "task.steps[0]",
        lambda text: _task(steps=[{"instructions": text}, {"id": "two", "instructions": "End."}]),
        ("STEP_BLANK",),
    ),
    "title": Place(
        "task.steps[0].title", lambda text: _task(steps=[{"title": text, "instructions": "Go."}])
    ),
    "titles of others": Place(
        "task.steps",
        lambda text: _task(steps=[{"title": text, "instructions": "Go."} for _ in range(3)]),
    ),
    "id": Place(
        "task.steps[1].id",
        lambda text: _task(steps=[{"instructions": "Go."}, {"id": text, "instructions": "Go."}]),
        ("STEP_ID",),
    ),
    "skill": Place(
        "task.skill.id", lambda text: _task(skill={"id": text}), ("SKILL_ID", "REQUIRED")
    ),
    "skill of a step": Place(
        "task.steps[0].skill.id",
        lambda text: _task(steps=[{"skill": {"id": text}}]),
        ("SKILL_ID", "REQUIRED", "STEP_BLANK"),
    ),
    "argument": Place("task.skill.args", lambda text: _skill(args={"key": text})),
    "argument's name": Place("task.skill.args", lambda text: _skill(args={text: 1})),
    "deep argument": Place(
        "task.skill.args", lambda text: _skill(args={"a": [{text: [text, {"b": text}]}]})
    ),
    "new branch": Place(
        "task.git.newBranch", lambda text: _task(git={"newBranch": text}), ("BRANCH_NAME",)
    ),
    "base": Place(
        "task.publish.prBaseBranch",
        lambda text: _task(publish={"prBaseBranch": text}),
        ("BRANCH_NAME",),
    ),
    "title of the pull request": Place(
        "task.publish.prTitle", lambda text: _task(publish={"prTitle": text})
    ),
    "commit message": Place(
        "task.publish.commitMessage", lambda text: _task(publish={"commitMessage": text})
    ),
    "unknown field": Place("later", lambda text: {**_task(), "later": {"x": [text]}}),
    "name of an unknown field": Place("later", lambda text: {**_task(), "later": {text: 1}}),
    "name of a task's unknown field": Place("task", lambda text: _task(**{f"x{text}": 1})),
    "name of a step's unknown field": Place(
        "task.steps[0]",
        lambda text: _task(steps=[{"instructions": "Go.", f"x{text}": 1}]),
        ("STEP_FIELD_UNKNOWN",),
    ),
}
ALWAYS = ("BAD_TEXT", "SIZE", "PLAN_TOO_LARGE")


def skeletons(answer: Answer) -> list[list[str]]:
    """What is Pawl's of each prompt: every line up to its first bar, without quoted lines.

    Knows nothing of how prompts are made but the rule that their first line tells.
    """
    assert answer.plan is not None
    return [
        [
            line.partition("|")[0].rstrip()
            for line in LINE_END.split(step.prompt)
            if not line.startswith("|")
        ]
        for step in answer.plan.steps
    ]


def quotation(prompt: str, first: str, last: str) -> list[str]:
    """The quoted lines between two lines of a prompt."""
    lines = prompt.split("\n")
    begin = lines.index(first)
    end = next(i for i in range(begin + 1, len(lines)) if lines[i].startswith(last))
    return [line.removeprefix("|").removeprefix(" ") for line in lines[begin + 1 : end - 1]]


def check(place: Place, text: str, expected: list[list[str]]) -> None:
    """Whether this text can do nothing there. `expected` are the skeletons of `HARMLESS`."""
    answer = plan(place.build(text), DEPLOYMENT)
    for violation in answer.violations:
        assert violation.field.startswith(place.path)
        assert violation.reason in {*ALWAYS, *place.codes}
        assert TWO_SENTENCES.search(violation.description)
    told = [item.field + item.description for item in answer.violations]
    told += [item.field + item.description for item in answer.warnings]
    for text_told in told:
        assert not OBEYED.search(text_told)
        assert not LINE_END.search(text_told)
    if answer.plan is None:
        assert answer.violations
        return
    for step in answer.plan.steps:
        assert not OBEYED.search(step.prompt)
    # Only ids stand among Pawl's own words, and one that is blank has a default.
    name = text.strip() if ID.fullmatch(text.strip()) else "step-2"
    assert skeletons(answer) == [
        [line.replace(HARMLESS, name) for line in lines] for lines in expected
    ]


@pytest.fixture(scope="module")
def harmless() -> dict[str, list[list[str]]]:
    return {
        name: skeletons(plan(place.build(HARMLESS), DEPLOYMENT))
        for name, place in PLACES.items()
        if name != "name of a step's unknown field"
    }


def test_there_are_five_hundred_hostile_strings() -> None:
    assert len(set(ALL.values())) >= 500


@named(ALL)
def test_no_text_adds_or_alters_a_line_of_pawls(
    text: str, harmless: dict[str, list[list[str]]]
) -> None:
    for name, place in PLACES.items():
        check(place, text, harmless.get(name, []))


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([*LINE_ENDS.values(), *LINES, "|", " ", "x"]), max_size=6).map(
        "".join
    )
)
def test_nor_does_any_other(harmless: dict[str, list[list[str]]], text: str) -> None:
    for name in ("objective", "instructions", "titles of others", "id", "deep argument"):
        check(PLACES[name], text, harmless[name])


@named(SMUGGLED | {name: text for name, text in ESCAPES.items() if name != "spelt out"})
def test_what_nobody_sees_is_refused_in_every_place(text: str) -> None:
    for place in PLACES.values():
        answer = plan(place.build(text), DEPLOYMENT)

        assert answer.plan is None
        assert "BAD_TEXT" in {violation.reason for violation in answer.violations}


@named(INKLESS)
def test_what_has_no_ink_counts_as_absent(text: str) -> None:
    task = {"steps": [{"id": text, "title": text, "instructions": "Go."}, {"instructions": text}]}
    answer = plan(payload({**task, "instructions": text}), DEPLOYMENT)
    (step,) = planned(payload({"steps": task["steps"][:1]})).steps

    assert [(violation.field, violation.reason) for violation in answer.violations] == [
        ("task.instructions", "REQUIRED"),
        ("task.steps[1]", "STEP_BLANK"),
    ]
    assert (step.id, step.title) == ("step-1", "")


@named(HONEST | HIDDEN_INSIDE)
def test_text_of_every_language_reaches_the_agent_as_it_is(text: str) -> None:
    step = {"title": text, "instructions": text, "skill": {"id": "s", "args": {"k": [text]}}}
    prompt = planned(payload({"instructions": text, "steps": [step]})).steps[0].prompt
    (args,) = quotation(prompt, "Its arguments are:", "WORKSPACE")

    assert quotation(prompt, "All steps together are to reach this:", "STEP") == [text]
    assert quotation(prompt, f"STEP 1/1 step-1 | {text}", "THIS STEP ONLY") == [text]
    assert json.loads(args) == {"k": [text]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\u2029"])
def test_lines_stay_lines_whatever_ends_them(end: str) -> None:
    text = f"one{end}{end}  two |{end}| three"
    skill = {"id": "s", "args": {f"k{end}": text}}
    prompt = planned(payload({"instructions": text, "skill": skill})).steps[0].prompt
    (args,) = quotation(prompt, "Its arguments are:", "WORKSPACE")

    lines = quotation(prompt, "All steps together are to reach this:", "STEP")
    assert lines == ["one", "", "  two |", "| three"]
    assert json.loads(args) == {f"k{end}": text}
