"""Payloads to start a test from, short ways to judge them."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from services.contract.plan import plan
from services.contract.text import fault, tidied
from services.contract.values import Answer, Deployment, Json, Plan

DEPLOYMENT = Deployment()
LOCAL = Deployment(allow_local_repositories=True)


def payload(task: Mapping[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    """A valid payload with these fields of the task, and of the root, set."""
    return {
        "repository": "owner/repo",
        "task": {"instructions": "Reach the goal.", **(task or {})},
        **root,
    }


def planned(raw: dict[str, Any], deployment: Deployment = DEPLOYMENT) -> Plan:
    """The plan of a payload that has to be valid."""
    answer = plan(raw, deployment)
    assert answer.plan is not None, answer.violations
    assert answer.violations == ()
    return answer.plan


def faults(raw: dict[str, Any], deployment: Deployment = DEPLOYMENT) -> list[tuple[str, str]]:
    """Path and code of every violation, in order."""
    return [(item.field, item.reason) for item in plan(raw, deployment).violations]


def warned(raw: dict[str, Any], deployment: Deployment = DEPLOYMENT) -> list[tuple[str, str]]:
    """Path and code of every warning, in order."""
    return [(item.field, item.reason) for item in plan(raw, deployment).warnings]


def said(answer: Answer) -> str:
    """Everything an answer says besides its plan."""
    return repr((answer.violations, answer.warnings))


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["owner/repo", "codex", "universal", "pr", "auto", "main", " x "])
)
# Two levels by hand: a recursive strategy takes seconds to draw from on a busy machine.
_FLAT: st.SearchStrategy[Any] = _SCALARS | st.dictionaries(
    st.text(max_size=9), _SCALARS, max_size=2
)
json_values: st.SearchStrategy[Json] = _FLAT | st.lists(_FLAT, max_size=2)


@st.composite
def json_objects(draw: st.DrawFn) -> dict[str, Json]:
    """Any JSON, in the shape of a payload: every field may be anything, or be missing."""

    def some(*names: str) -> dict[str, Json]:
        return {name: draw(json_values) for name in names if draw(st.booleans())}

    step = {**some("id", "title", "instructions", "skill", "runtime"), **draw(_EXTRA)}
    task: dict[str, Json] = {
        **some("instructions", "steps", "limits", "git", "auth"),
        "runtime": some("mode", "model"),
        "skill": some("id", "args", "requiredCapabilities"),
        "publish": some("mode", "prBaseBranch", "prTitle"),
        "steps": [step, draw(json_values)],
        "container": some("enabled", "image"),
        "git": some("startingBranch", "newBranch"),
        **some("publish", "skill", "container"),
    }
    root = {**some("repository", "targetRuntime", "requiredCapabilities", "auth"), "task": task}
    return {**root, **some("task"), **draw(_EXTRA)}


_EXTRA = st.dictionaries(st.text(max_size=9), json_values, max_size=2)
_TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cf", "Mn", "Me"]) | st.just("\n"),
    min_size=1,
    max_size=60,
).filter(lambda text: fault(text) is None and tidied(text) is not None)
_LINE = st.from_regex(r"[A-Za-z0-9 |#/@$-]{0,40}x", fullmatch=True)
_NAME = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True)
_SKILL = st.fixed_dictionaries(
    {"id": _NAME},
    optional={
        "args": st.dictionaries(
            _LINE,
            st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-9, 9) | _TEXT,
            max_size=3,
        ),
        "requiredCapabilities": st.lists(_NAME, max_size=3),
    },
)
_STEP = st.fixed_dictionaries(
    {"instructions": _TEXT},
    optional={"id": _NAME, "title": _LINE, "skill": st.none() | _SKILL},
)
_RUNTIME = st.sampled_from(["codex", "Gemini", " claude ", "universal"])
valid_payloads: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "repository": st.sampled_from(["o/r", "HTTPS://Example.com/a/", "git@example.com:a/b"]),
        "task": st.fixed_dictionaries(
            {"instructions": _TEXT},
            optional={
                "skill": st.none() | _SKILL,
                "steps": st.none() | st.lists(_STEP, max_size=4),
                "git": st.just({"newBranch": "feature/x"}),
                "publish": st.fixed_dictionaries(
                    {}, optional={"mode": st.sampled_from(["none", "branch", "pr"]), "later": _LINE}
                ),
                "limits": st.fixed_dictionaries(
                    {},
                    optional={
                        "stepTimeoutSeconds": st.integers(1, 86_400),
                        "maxCostUsd": st.floats(0.01, 1_000),
                    },
                ),
            },
        ),
    },
    optional={
        "targetRuntime": _RUNTIME,
        "requiredCapabilities": st.lists(_NAME, max_size=3),
        "later": st.none() | _TEXT,
    },
)
"""Payloads that keep every rule, with much left out and much to be normalised."""

encodable = st.characters(exclude_categories=["Cs"])
"""Characters that UTF-8 can write."""
