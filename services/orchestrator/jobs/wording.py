"""Words a published result: its commit message, its pull request's title and text."""

import textwrap
from collections.abc import Iterator, Sequence

from services.orchestrator.jobs.inert import code, prose, quoted
from services.orchestrator.jobs.job import Usage
from services.orchestrator.jobs.plaintext import cut, line, stripped
from services.orchestrator.jobs.publishing import trailer
from services.orchestrator.jobs.report import FileChange, Report, StepReport
from services.orchestrator.jobs.units import amount, cost, length

SUBJECT_CHARACTERS = 72
TITLE_CHARACTERS = 200
BODY_CHARACTERS = 60_000
"""GitHub takes 65,536."""
OBJECTIVE_CHARACTERS = 6_000
SUMMARY_CHARACTERS = 8_000
CELL_CHARACTERS = 80
SKILL_CHARACTERS = 40
PATH_CHARACTERS = 160
CAUTION_CHARACTERS = 400
LISTED_STEPS = 50
LISTED_FILES = 30
LISTED_CAUTIONS = 10


def commit_message(report: Report) -> str:
    """The task's own message, or one of the objective and the steps; without a trailer."""
    if report.commit_message and (own := stripped(report.commit_message).strip()):
        return own
    first = _first_line(report.objective)
    subject = line(first, SUBJECT_CHARACTERS) or "Apply the task"
    parts = [subject]
    if subject.endswith("…"):
        parts.append(_indented(line(first, 10 * SUBJECT_CHARACTERS)))
    if len(report.steps) > 1:
        parts.append("\n".join(_list_of_steps(report.steps)))
    return "\n\n".join(parts)


def title(report: Report) -> str:
    """The task's own title, or the first line of the objective."""
    if report.title and (own := " ".join(stripped(report.title).split())):
        return cut(own, TITLE_CHARACTERS)
    return line(_first_line(report.objective), SUBJECT_CHARACTERS) or "Apply the task"


def body(report: Report) -> str:
    """The task's own text, or one made of the job; Markdown that ends in the marker's line."""
    last = f"\n\n<sub>{trailer(report.job_id, report.digest)}</sub>\n"
    room = BODY_CHARACTERS - len(last)
    if report.body and (own := stripped(report.body).strip()):
        return _own(own, room) + last
    before = [*_cautions(report), *_objective(report), *_steps(report), *_changes(report)]
    after = _reproduction(report)
    room -= sum(len(part) + 2 for part in [*before, *after])
    return "\n\n".join([*before, *_summaries(report.steps, room), *after]) + last


def _own(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    notice = "\n\n*The rest of this text did not fit.*"
    return text[: room - len(notice)].rpartition("\n")[0] + notice


def _cautions(report: Report) -> Iterator[str]:
    if not report.cautions:
        return
    said = [f"> - {prose(each, CAUTION_CHARACTERS)}" for each in report.cautions[:LISTED_CAUTIONS]]
    if len(report.cautions) > LISTED_CAUTIONS:
        said.append(f"> - {len(report.cautions) - LISTED_CAUTIONS:,} more are not listed.")
    yield "\n".join(["> [!WARNING]", "> **Look at these first:**", ">", *said])


def _objective(report: Report) -> Iterator[str]:
    yield "### Objective"
    yield quoted(report.objective, OBJECTIVE_CHARACTERS)


def _steps(report: Report) -> Iterator[str]:
    yield "### Steps"
    rows = [
        "| # | Step | Skill | Outcome | Attempt | Took | Tokens in | out | USD |",
        "|--:|:--|:--|:--|--:|--:|--:|--:|--:|",
    ]
    for step in report.steps[:LISTED_STEPS]:
        used = step.usage or Usage()
        cells = [
            str(step.index + 1),
            code(step.title or step.id, CELL_CHARACTERS),
            code(step.skill, SKILL_CHARACTERS),
            "succeeded",
            str(step.attempt) if step.attempt > 1 else "",
            length(step.duration),
            amount(used.input_tokens),
            amount(used.output_tokens),
            cost(used.cost_usd),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    yield "\n".join(rows)
    if len(report.steps) > LISTED_STEPS:
        yield f"{len(report.steps) - LISTED_STEPS:,} more steps are not listed."


def _changes(report: Report) -> Iterator[str]:
    files = "1 file" if report.changed_files == 1 else f"{report.changed_files:,} files"
    yield f"### What changed: {files}"
    listed = report.changes[:LISTED_FILES]
    if listed:
        rows = ["| File | Added | Removed |", "|:--|--:|--:|", *map(_change, listed)]
        yield "\n".join(rows)
    if report.changed_files > len(listed):
        yield f"{report.changed_files - len(listed):,} more are not listed."


def _change(change: FileChange) -> str:
    path = code(change.path, PATH_CHARACTERS)
    if change.added is None or change.removed is None:
        return f"| {path} | binary | |"
    return f"| {path} | +{change.added:,} | −{change.removed:,} |"


def _summaries(steps: Sequence[StepReport], room: int) -> Iterator[str]:
    """What the agent said last in each step, folded; all of it fits into `room`."""
    told = [step for step in steps[:LISTED_STEPS] if step.summary.strip()]
    if not told:
        return
    heading = "### What the agent said last\n\nIts own words, unchecked."
    yield heading
    room -= len(heading) + 2
    for left, step in zip(range(len(told), 0, -1), told, strict=True):
        opening = f"<details>\n<summary>Step {step.index + 1}</summary>"
        closing = "</details>"
        frame = len(opening) + len(closing) + 6
        block = quoted(step.summary, min(SUMMARY_CHARACTERS, room // left - frame))
        whole = f"{opening}\n\n{block}\n\n{closing}"
        room -= len(whole) + 2
        yield whole


def _reproduction(report: Report) -> list[str]:
    versions = dict.fromkeys(step.version for step in report.steps if step.version)
    facts = {
        "Job": code(report.job_id, CELL_CHARACTERS),
        "Plan": code(report.digest, CELL_CHARACTERS),
        "Repository": code(report.repository, PATH_CHARACTERS),
        "Base": f"{code(report.base_commit, CELL_CHARACTERS)} of "
        f"{code(report.base_branch, PATH_CHARACTERS)}",
        "Runtime": code(report.runtime, CELL_CHARACTERS),
        "Model": code(report.model, CELL_CHARACTERS) if report.model else "the runtime's default",
        "Command line tool": ", ".join(code(each, CELL_CHARACTERS) for each in [*versions][:5])
        or "-",
        "The whole story": f"`pawl show {report.job_id}`",
    }
    head, *rest = (f"| {name} | {value} |" for name, value in facts.items())
    rows = [head, "|:--|:--|", *rest]
    return ["### How to reproduce it", "\n".join(rows)]


def _list_of_steps(steps: Sequence[StepReport]) -> Iterator[str]:
    for step in steps[:LISTED_STEPS]:
        yield f"- {line(step.title or step.id, SUBJECT_CHARACTERS)}"
    if len(steps) > LISTED_STEPS:
        yield f"- {len(steps) - LISTED_STEPS:,} more"


def _indented(text: str) -> str:
    # Git takes no indented line for a trailer.
    return textwrap.fill(
        text,
        SUBJECT_CHARACTERS,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""
