"""The task of a job as somebody would write it again: without what nobody gave."""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict

from pawl.client import Plan, ProvenanceSource

_STEP_ID = re.compile(r"task\.steps\[(\d+)\]\.id")


def as_given(plan: Plan) -> dict[str, Any]:
    """A payload that means what the plan's did; defaults are left out, and so follow later ones."""
    sources = {one.path: one.source for one in plan.provenance}
    kept = _kept(MessageToDict(plan.task), "", sources)
    assert isinstance(kept, dict)  # noqa: S101 - a plan's task is an object
    return kept


def _kept(value: Any, path: str, sources: Mapping[str, ProvenanceSource]) -> Any:
    if path in sources:
        # Given, or worked out from what was: whole, whatever keys of its own it has.
        return None if _implied(value, path, sources[path]) else value
    if path and not any(one.startswith((f"{path}.", f"{path}[")) for one in sources):
        # Nobody here knows it, so nobody knows what could be left out of it.
        return value
    if isinstance(value, dict):
        inner = {
            name: _kept(one, f"{path}.{name}" if path else name, sources)
            for name, one in value.items()
        }
        left = {name: one for name, one in inner.items() if one not in (None, {})}
        return left or (None if path else {})
    if isinstance(value, list):
        return [_kept(one, f"{path}[{at}]", sources) or {} for at, one in enumerate(value)] or None
    return value


def _implied(value: Any, path: str, source: ProvenanceSource) -> bool:
    """Whether the rest says it already."""
    if source != ProvenanceSource.PROVENANCE_SOURCE_DERIVED:
        return source == ProvenanceSource.PROVENANCE_SOURCE_DEFAULTED
    if path == "task.runtime.mode":
        # The same as targetRuntime, which is there.
        return True
    # A name by position would be another's once the step is moved.
    step = _STEP_ID.fullmatch(path)
    return step is not None and value == f"step-{int(step[1]) + 1}"
