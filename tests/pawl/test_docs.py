"""The pages in docs/ list what the code has, no more."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pawl.wire import status
from pawl.wire.settings import KNOWN
from services.orchestrator.jobs.failures import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]
)
DECISIONS = sorted(
    page
    for page in (DOCS / "decisions").glob("*.md")
    if page.name not in {"README.md", "dependencies.md"}
)
FAULTS = {"task", "agent", "provider", "platform"}

CODES = {code.name for code in status.CODES.values()}
REFUSALS = {kind.__name__: code.name for kind, code in status.CODES.items()}
MADE_BY = ("NewEvent(", "step_event(", "stage_event(")
"""What events are made by."""
OF_THE_CLIENT = {"STREAM_SILENT", "STREAM_BROKEN", "UNAVAILABLE"}
"""Reasons that `pawl` gives itself, so no status carries them."""


def first_cells(page: Path, pattern: str) -> list[str]:
    """What the first column of a page's tables holds in backquotes, as far as it matches."""
    return re.findall(rf"^\| `({pattern})`", page.read_text(), re.MULTILINE)


def modules(*folders: str, naming: Iterable[str]) -> Iterator[ast.Module]:
    """Those that name one of these, parsed; parsing the others would take seconds."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            if "v1" not in path.parts and any(name in text for name in naming):
                yield ast.parse(text)


def calls(scope: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def strings(node: ast.AST) -> set[str]:
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def assigned(scope: ast.AST, name: str) -> set[str]:
    """Every string that a statement in the scope could give to a variable of this name."""
    found: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and any(
            isinstance(part, ast.Name) and part.id == name
            for target in node.targets
            for part in ast.walk(target)
        ):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for value in values:
                if isinstance(value, ast.IfExp):
                    found |= strings(value.body) | strings(value.orelse)
                elif isinstance(value, ast.Constant):
                    found |= strings(value)
    return found


def words(scope: ast.AST, node: ast.expr) -> set[str]:
    """The strings an argument may have: itself, or what its variable is given."""
    return assigned(scope, node.id) if isinstance(node, ast.Name) else strings(node)


def functions(*folders: str, naming: Iterable[str]) -> Iterator[ast.AST]:
    for module in modules(*folders, naming=naming):
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def emitted_events() -> set[str]:
    """Every event type that the orchestrator can store."""
    found: set[str] = set()
    for function in functions("services/orchestrator", naming=MADE_BY):
        for call in calls(function, "NewEvent"):
            (kind,) = [word.value for word in call.keywords if word.arg == "type"]
            if isinstance(kind, ast.Constant):
                found |= strings(kind)
            elif isinstance(kind, ast.JoinedStr) and isinstance(
                kind.values[-1], ast.FormattedValue
            ):
                (head,) = strings(kind.values[0])
                found |= {head + word for word in words(function, kind.values[-1].value)}
        for call in calls(function, "step_event"):
            found |= {f"task.step.{word}" for word in words(function, call.args[1])}
        for call in calls(function, "stage_event"):
            found |= {f"task.stage.{word}" for word in words(function, call.args[1])}
    return found


def refusals_in_code() -> set[tuple[str, str]]:
    """Reason and code of every refusal that is raised with a reason written out."""
    found: set[tuple[str, str]] = set()
    for module in modules("pawl", "services", naming=REFUSALS):
        for call in calls(module, *REFUSALS):
            assert isinstance(call.func, ast.Name)
            named = [word.value for word in call.keywords if word.arg == "reason"]
            found |= {(reason, REFUSALS[call.func.id]) for reason in written(named or call.args)}
        for kind in ast.walk(module):
            if isinstance(kind, ast.ClassDef) and kind.bases and name(kind.bases[0]) in REFUSALS:
                code = REFUSALS[name(kind.bases[0])]
                for part in ast.walk(kind):
                    if isinstance(part, ast.Call) and ast.unparse(part.func) == "super().__init__":
                        found |= {(reason, code) for reason in written(part.args)}
    return {(reason, code) for reason, code in found if reason not in OF_THE_CLIENT}


def name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def written(arguments: list[ast.expr]) -> set[str]:
    """The first argument, where it is a string."""
    first = arguments[0] if arguments else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return {first.value}
    return set()


def refusals_in_protos() -> set[tuple[str, str]]:
    """Reason and code of every refusal that a comment promises, as ``CODE, REASON or REASON``."""
    found: set[tuple[str, str]] = set()
    for proto in (ROOT / "protos").rglob("*.proto"):
        comments = " ".join(re.findall(r"//(.*)", proto.read_text()))
        text = re.sub(r"\s+", " ", comments)
        for code, reasons in re.findall(
            rf"\b({'|'.join(CODES)}), (?:reason )?([A-Z_]{{4,}}(?: or [A-Z_]{{4,}})*)", text
        ):
            found |= {(reason, code) for reason in reasons.split(" or ")}
    return found


def test_every_reason_a_job_can_fail_for_has_its_section() -> None:
    sections = re.findall(r"^### ([A-Z_]+)$", (DOCS / "failures.md").read_text(), re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert set(sections) == {reason.value for reason in Reason}


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reasons_section_says_whose_fault_it_is_and_what_to_do(reason: Reason) -> None:
    text = (DOCS / "failures.md").read_text()
    section = text.split(f"\n### {reason.value}\n")[1].split("\n#")[0]
    (faults,) = re.findall(r"^\* Fault: (.+)\.", section, re.MULTILINE)
    assert set(re.split(r", | or ", faults)) <= FAULTS
    assert re.search(
        r"^\* Retried by itself: (yes|no|not in this version)\b", section, re.MULTILINE
    )
    assert re.search(r"^\* What to do: \S", section, re.MULTILINE)


def test_every_event_is_listed_and_only_those() -> None:
    text = (DOCS / "events.md").read_text()
    listed = set(first_cells(DOCS / "events.md", r"(?:job|task)\.[A-Za-z.]+"))
    reserved = set(re.findall(r"^\| `([A-Za-z.]+)` \| reserved", text, re.MULTILINE))
    emitted = emitted_events()
    assert emitted <= listed
    assert listed - emitted == reserved


def test_every_setting_is_documented_and_only_those() -> None:
    listed = first_cells(DOCS / "operating.md", "PAWL_[A-Z_]+")
    assert len(listed) == len(set(listed))
    assert set(listed) == KNOWN


def test_every_refusal_is_documented_with_its_code_and_only_those() -> None:
    listed = re.findall(
        r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|", (DOCS / "api.md").read_text(), re.MULTILINE
    )
    assert len(listed) == len(set(listed))
    assert set(listed) == refusals_in_protos() | refusals_in_code()


def test_every_dependency_has_a_line_that_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *groups["build"],
        *groups["dev"],
    ]
    names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in wanted}
    assert set(first_cells(DOCS / "decisions" / "dependencies.md", "[a-z0-9.-]+")) == names


def test_every_target_of_make_is_documented() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(first_cells(DOCS / "operating.md", "make [a-z-]+")) == {
        f"make {target}" for target in targets
    }


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_page_of_context_decision_and_consequences(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40


def test_the_list_of_decisions_names_each_one() -> None:
    listed = re.findall(r"\]\(([a-z-]+\.md)\)", (DOCS / "decisions" / "README.md").read_text())
    there = {page.name for page in (DOCS / "decisions").glob("*.md")} - {"README.md"}
    assert set(listed) == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page if not path else (page.parent / path).resolve()
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """The names that headings get, as forges derive them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
