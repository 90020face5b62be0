"""Reports to word, whose texts a test chooses."""

from dataclasses import replace
from datetime import timedelta

from services.orchestrator.jobs.job import Usage
from services.orchestrator.jobs.report import FileChange, Report, StepReport

JOB = "01980000-0000-7000-8000-0000deadbeef"
DIGEST = "sha256:" + "5f" * 32
SUMMARY = "I added a token bucket and tests. All of them pass."


def step(index: int, **changes: object) -> StepReport:
    """A step that succeeded."""
    made = StepReport(
        index=index,
        id=f"step-{index + 1}",
        title=("Read the code", "Add the limit", "Write tests")[index % 3],
        skill="auto",
        attempt=1,
        duration=timedelta(minutes=2, seconds=5),
        usage=Usage(input_tokens=120_345, output_tokens=4_096, cost_usd=0.42),
        summary=SUMMARY,
        version="codex-cli 0.66.0",
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by name, as replace takes them


def report(**changes: object) -> Report:
    """Of a job of three steps."""
    made = Report(
        job_id=JOB,
        digest=DIGEST,
        repository="https://github.com/acme/gateway",
        runtime="codex",
        model=None,
        objective="Add rate limits to the gateway\n\nPer client, with tests.",
        base_branch="main",
        base_commit="bc1b0ae5d3a5c4e7a7a4f4ce3a8c1f2d9b7e6a50",
        steps=[step(0), step(1), step(2)],
        changes=[
            FileChange(path="gateway/limits.py", added=120, removed=3),
            FileChange(path="docs/limits.png", added=None, removed=None),
        ],
        changed_files=2,
        cautions=["The job changes 1 workflow: .github/workflows/ci.yml"],
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by name, as replace takes them


def said_everywhere(text: str) -> Report:
    """A report in which every text that is not Pawl's own is `text`."""
    spoken = {"title": text, "skill": text, "summary": text, "version": text}
    return report(
        objective=text,
        repository=text,
        model=text,
        base_branch=text,
        steps=[step(index, **spoken) for index in range(3)],
        changes=[
            FileChange(path=text, added=1, removed=0),
            FileChange(path=text, added=None, removed=None),
        ],
        cautions=[f"Look at {text}"],
    )
