"""Writes into docs/task.md what the contract itself can tell of payloads."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from services.contract import lists, prompts, report, scalars, soundness
from services.contract.codes import VIOLATIONS, WARNINGS
from services.contract.kinds import Kind, Listing, Part
from services.contract.payload import PAYLOAD
from services.contract.plan import plan
from services.contract.steps import INSTRUCTIONS_LIMIT, MOST_STEPS, OVERRIDES
from services.contract.values import Deployment, Json, Plan

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "task.md"
THREE_STEPS = ROOT / "examples" / "three-steps.yaml"
SKILLS = ROOT / "examples" / "skills.yaml"

SECTIONS = ("", "task", "task.steps[]", "task.publish", "task.limits", "task.container")
"""Parts with a table of their own; all other fields stand in the table of what holds them."""

SETTLED = {
    "repository": "the deployment's; required where it has none",
    "targetRuntime": "the deployment's",
    "task.runtime.mode": "`targetRuntime`",
    "task.steps[]": "one step without instructions",
    "task.steps[].id": "`step-N`",
    "task.steps[].skill": "the task's",
    "task.container.pull": "`if-missing`",
}
"""Defaults that rules give, not the fields themselves."""

ALIKE = {"task.steps[].skill": "task.skill"}
"""Parts with the same fields as another, which are not told again."""

SEE = {
    "REPOSITORY": "see [Repositories](#repositories)",
    "BRANCH_NAME": "see [Branches](#branches)",
    "SECRET_REF": "see [Secrets](#secrets)",
}
"""Forms that take more than a cell to tell, by code."""

_WORD = "letters, digits and `._:/+-`"


def blocks() -> dict[str, Callable[[], str]]:
    """What makes the text between each pair of markers."""
    return {
        "fields": _fields,
        "aliases": lambda: _table(("write", "not"), _aliases(PAYLOAD, "")),
        "overrides": lambda: f"{_listed([_code(name) for name in sorted(OVERRIDES)], 'and')}.",
        "bounds": lambda: _table(("of", "at most", "else"), _bounds()),
        "three-steps": lambda: f"```yaml\n{THREE_STEPS.read_text().rstrip()}\n```",
        "prompt": lambda: f"```text\n{_planned(THREE_STEPS).steps[1].prompt.rstrip()}\n```",
        "capabilities": lambda: _table(("capability", "required because"), _capabilities()),
        "violations": lambda: _table(("code", "what it says"), _codes(VIOLATIONS)),
        "warnings": lambda: _table(("code", "what it says"), _codes(WARNINGS)),
    }


def renewed(page: str) -> str:
    """The page with everything between its markers made anew.

    Raises ValueError for a pair of markers that is missing, there twice, or unknown.
    """
    made = blocks()
    found = re.findall(r"<!-- (\S+): made by make docs -->", page)
    if sorted(found) != sorted(made):
        raise ValueError(f"the page has markers for {sorted(found)}, wanted are {sorted(made)}")
    for name, make in made.items():
        first, last = f"<!-- {name}: made by make docs -->", f"<!-- {name}: end -->"
        head, _, rest = page.partition(f"{first}\n")
        _, ended, tail = rest.partition(f"{last}\n")
        if not ended:
            raise ValueError(f"the page lacks the line {last}")
        page = f"{head}{first}\n\n{make()}\n\n{last}\n{tail}"
    return page


def fields(part: Part, path: str) -> Iterator[tuple[str, Kind]]:
    """Every field below a part, with its path, in the order of the declaration."""
    for name, kind in part.fields.items():
        inner = f"{path}.{name}" if path else name
        if isinstance(kind, Listing):
            yield f"{inner}[]", kind
            yield from fields(kind.item, f"{inner}[]")
        else:
            yield inner, kind
            if isinstance(kind, Part) and inner not in ALIKE:
                yield from fields(kind, inner)


def _fields() -> str:
    parts: dict[str, list[tuple[str, Kind]]] = {section: [] for section in SECTIONS}
    about = {"": PAYLOAD.about}
    for path, kind in fields(PAYLOAD, ""):
        if path in parts:
            about[path] = kind.about
        else:
            within = max((section for section in SECTIONS if _holds(section, path)), key=len)
            parts[within].append((path, kind))
    return "\n\n".join(
        f"### {_code(section) if section else 'The payload'}\n\n{about[section]}\n\n"
        + _table(("field", "what it is for", "form", "default"), _rows(parts[section]))
        for section in SECTIONS
    )


def _holds(section: str, path: str) -> bool:
    return not section or path.startswith(f"{section}.")


def _rows(described: Iterable[tuple[str, Kind]]) -> Iterator[tuple[str, ...]]:
    for path, kind in described:
        yield _code(path), kind.about, _form(path, kind), SETTLED.get(path) or _default(kind)


def _form(path: str, kind: Kind) -> str:
    if path in ALIKE:
        return f"as {_code(ALIKE[path])}"
    told = SEE["REPOSITORY"] if path == "repository" else _bare_form(kind)
    chosen = isinstance(kind, scalars.Text) and kind.choices
    return told if chosen or not kind.examples else f"{told}; such as {_shown(kind.examples[0])}"


def _bare_form(kind: Kind) -> str:
    match kind:
        case scalars.Text():
            return _text(kind)
        case scalars.Number():
            sort = "a whole number" if kind.whole else "a number"
            return f"{sort}, {kind.low:,} to {kind.high:,}"
        case scalars.Flag():
            return "`true` or `false`"
        case lists.Words():
            return f"a list of at most {kind.most} words of {_WORD}, each at most 64"
        case lists.Variables():
            return f"at most {kind.most} names of letters, digits and `_`, each with a text"
        case lists.Arguments():
            return f"a list of at most {kind.most:,} texts, each at most {_bytes(kind.most_bytes)}"
        case Listing():
            return f"a list of at most {kind.most}"
        case lists.Free() | Part():
            return "an object"


def _text(kind: scalars.Text) -> str:
    if kind.code in SEE:
        return SEE[kind.code]
    if kind.choices:
        words = _listed([_code(word) for word in kind.choices], "or")
        return f"{words}, in any case" if kind.folded else words
    if kind.form is not None:
        return _of_form(kind, kind.form)
    sort = "text" if kind.lines else "one line"
    if kind.most_characters is not None:
        return f"{sort}, at most {kind.most_characters} characters"
    return f"{sort}, at most {_bytes(kind.most)}"


def _of_form(kind: scalars.Text, form: str) -> str:
    """What the violation's sentence says to write, with the bound that it may leave out."""
    told = re.sub(r"(?<!\.)\.$", "", kind.remedy.partition(". ")[2].removeprefix("Use "))
    told = re.sub(r"(?<= )[^\sA-Za-z0-9]{3,}?(?=,? |,?$)", lambda match: _code(match[0]), told)
    told = told[0].lower() + told[1:]
    if re.search(r"\d", told.replace("sha256", "")):
        return told
    repeated = re.search(r"\{0,(\d+)\}$", form)
    most = f"{int(repeated[1]) + 1} characters" if repeated else _bytes(kind.most)
    return f"{told}; at most {most}"


def _default(kind: Kind) -> str:
    if isinstance(kind, scalars.Text) and kind.required is not None:
        return "required"
    if isinstance(kind, Part):
        return "" if kind.stand_in is None else _shown(kind.stand_in)
    return "none" if kind.default in (None, [], {}) else _shown(kind.default)


def _aliases(part: Part, path: str) -> Iterator[tuple[str, ...]]:
    for alias, name in part.aliases.items():
        before = f"{path}." if path else ""
        yield _code(f"{before}{name}"), _code(f"{before}{alias}")
    for name, kind in part.fields.items():
        if isinstance(kind, Part):
            yield from _aliases(kind, f"{path}.{name}" if path else name)


def _bounds() -> Iterator[tuple[str, ...]]:
    yield "the payload as JSON", _bytes(soundness.PAYLOAD_LIMIT), "`SIZE`"
    yield "values in it, at every level", f"{soundness.MOST_VALUES:,}", "`SIZE`"
    yield "levels of objects and lists", str(soundness.DEEPEST), "`TOO_DEEP`"
    yield "the objective, and each step's instructions", _bytes(INSTRUCTIONS_LIMIT), "`SIZE`"
    yield "steps", str(MOST_STEPS), "`TOO_MANY_STEPS`"
    yield "one prompt", f"{prompts.PROMPT_LIMIT:,} characters", "`PLAN_TOO_LARGE`"
    yield "all prompts together", _bytes(prompts.PLAN_LIMIT), "`PLAN_TOO_LARGE`"
    yield "violations in an answer", f"{report.MOST_VIOLATIONS:,}", "`TOO_MANY_VIOLATIONS`"
    yield "warnings in an answer", f"{report.MOST_WARNINGS:,}", "`TOO_MANY_WARNINGS`"


def _capabilities() -> Iterator[tuple[str, ...]]:
    for capability in _planned(SKILLS).capabilities:
        yield _code(capability.name), "; ".join(capability.reasons)


def _codes(sentences: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for code, sentence in sentences.items():
        yield _code(code), sentence


def _planned(example: Path) -> Plan:
    made = plan(json.loads(json.dumps(YAML(typ="safe").load(example))), Deployment()).plan
    if made is None:
        raise ValueError(f"{example.name} is no valid payload")
    return made


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _bytes(count: int) -> str:
    for unit, size in (("MiB", 1024**2), ("KiB", 1024)):
        if count % size == 0:
            return f"{count // size} {unit}"
    return f"{count:,} bytes"


def _listed(words: list[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _shown(value: Json) -> str:
    text: Any = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _code(text)


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    before = PAGE.read_text()
    after = renewed(before)
    if after != before:
        PAGE.write_text(after)
    told = "is as it was" if after == before else "is made anew"
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} {told}\n")
