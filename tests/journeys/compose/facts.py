"""What has to be true of the stack and of the jobs that ran in it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.journeys.compose.report import Report
from tests.journeys.compose.stack import Json, Stack
from tests.support.repositories import git

SERVICES = ("contract", "orchestrator", "runner", "dashboard")
TRACE = "one\ntwo\nthree"
STEP = ("task.step.started", "task.step.finished")

REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
    print("reached")
except OSError:
    print("refused")
"""


def of_the_stack(stack: Stack, report: Report) -> None:
    """Who runs as whom, who reaches whom, who holds which secret."""
    bindings = {
        name: [(bound["HostIp"], bound["HostPort"]) for bound in bound_to or ()]
        for name in SERVICES
        for bound_to in stack.inspect(name)["NetworkSettings"]["Ports"].values()
    }
    published = {name: bound for name, bound in bindings.items() if bound}
    report.check(
        "only the ports of orchestrator and dashboard are published, on 127.0.0.1",
        published
        == {
            "orchestrator": [("127.0.0.1", str(stack.port))],
            "dashboard": [("127.0.0.1", str(stack.pages_port))],
        },
        published,
    )
    for name in SERVICES:
        identity = stack.inside(name, "id", "-u").strip()
        report.check(f"{name} runs as uid 10001", identity == "10001", identity)
        status = stack.inside(name, "cat", "/proc/self/status")
        held = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
        report.check(f"{name} has no capabilities", held == ["0" * 16], held)
    for source, host, port in (
        ("runner", "contract", "50051"),
        ("runner", "orchestrator", "50052"),
        ("runner", "clients.orchestrator", "50052"),
        ("runner", "forge", "8080"),
        ("runner", "dashboard", "8080"),
        ("runner", "clients.dashboard", "8080"),
        ("contract", "runner", "50053"),
        ("contract", "dashboard", "8080"),
        ("dashboard", "runner", "50053"),
        ("dashboard", "model", "8080"),
        ("orchestrator", "model", "8080"),
    ):
        said = stack.inside(source, "python", "-c", REACH, host, port).strip()
        report.check(f"{source} cannot reach {host}", said == "refused", said)
    environments = {name: stack.inside(name, "env") for name in SERVICES}
    report.check(
        "only the runner has the key for models",
        [name for name in SERVICES if "OPENAI_API_KEY=sk-" in environments[name]] == ["runner"],
    )
    mounts = {name: stack.inside(name, "mount") for name in SERVICES}
    for what, file, holder in (
        ("the forge's token", "github_token", "orchestrator"),
        ("what people log in with", "dashboard_token", "dashboard"),
    ):
        holders = [name for name in SERVICES if f"/run/secrets/{file}" in mounts[name]]
        report.check(f"only the {holder} has {what}", holders == [holder], holders)


def of_an_undisturbed_job(stack: Stack, report: Report, events: Sequence[Json], bare: Path) -> None:
    """One claim, three runs in order, one branch."""
    steps = [(event["type"], event["stepIndex"]) for event in events if event["type"] in STEP]
    expected = [(kind, index) for index in range(3) for kind in STEP]
    report.check("its three steps started and finished in order", steps == expected, steps)
    report.check("it was claimed once", _count(events, "job.claimed") == 1)
    _of_a_published_job(stack, report, events, bare)


def of_a_job_that_lost_its_runner(
    stack: Stack, report: Report, events: Sequence[Json], bare: Path
) -> None:
    """The lost attempt alone is done again, on a workspace rebuilt from the last checkpoint."""
    kinds = [event["type"] for event in events]
    for kind in ("task.step.lost", "task.workspace.rebuilt"):
        report.check(f"{kind} is among its events once", kinds.count(kind) == 1, kinds)
    for index, times in enumerate((1, 2, 1)):
        started = _count(events, "task.step.started", index)
        report.check(f"step {index + 1} started {times}×", started == times, started)
        finished = _count(events, "task.step.finished", index)
        report.check(f"step {index + 1} finished once", finished == 1, finished)
    attempts = [event.get("attempt") for event in events if event["type"] == "task.step.finished"]
    report.check("the first step was attempt 1, the others 2", attempts == [1, 2, 2], attempts)
    _of_a_published_job(stack, report, events, bare)


def of_leaving(stack: Stack, report: Report) -> None:
    """Each service left by itself when it was asked to."""
    for name in SERVICES:
        state = stack.inspect(name)["State"]
        report.check(f"{name} left with exit code 0", state["ExitCode"] == 0, state)


def of_coming_back(stack: Stack, report: Report, events: Sequence[Json]) -> None:
    """What had been done is still known, its artifacts are still there."""
    job_id = events[0]["jobId"]
    job = stack.call("GetJob", {"jobId": job_id})["job"]
    report.check("the job is still SUCCEEDED", job["state"] == "JOB_STATE_SUCCEEDED", job["state"])
    patch = stack.artifact(job_id, "patches/changes.patch")
    report.check("its patch can still be read", b"trace.txt" in patch, patch[:200])


def _of_a_published_job(stack: Stack, report: Report, events: Sequence[Json], bare: Path) -> None:
    sequences = [int(event["sequence"]) for event in events]
    report.check(
        "its events are numbered without a gap",
        sequences == list(range(1, len(events) + 1)),
        sequences,
    )
    kinds = [event["type"] for event in events]
    report.check("job.submitted is its first event", kinds[:1] == ["job.submitted"], kinds)
    report.check("job.succeeded is its last event", kinds[-1:] == ["job.succeeded"], kinds)
    job = stack.call("GetJob", {"jobId": events[0]["jobId"]})["job"]
    report.check("its outcome is BRANCH", job.get("outcome") == "JOB_OUTCOME_BRANCH", job)
    branch = job["workingBranch"]
    tip = _git(bare, "rev-parse", f"refs/heads/{branch}")
    report.check("its branch is at the commit it names", tip == job.get("publishedCommit"), tip)
    count = _git(bare, "rev-list", "--count", f"main..{branch}")
    report.check("its branch is one commit upon main", count == "1", count)
    changed = _git(bare, "diff", "--name-only", f"main...{branch}").split()
    report.check("its branch changes two files", changed == ["half.txt", "trace.txt"], changed)
    trace = _git(bare, "show", f"{branch}:trace.txt")
    report.check("each step left its trace once, in order", trace == TRACE, trace)
    half = _git(bare, "show", f"{branch}:half.txt")
    report.check("nothing of a lost attempt is left", half == "half", half)
    patch = stack.artifact(job["jobId"], "patches/changes.patch")
    tree = _tree_with(bare, patch)
    report.check(
        "changes.patch upon main gives the branch's tree",
        tree == _git(bare, "rev-parse", f"{branch}^{{tree}}"),
        tree,
    )


def _tree_with(bare: Path, patch: bytes) -> str:
    """The tree of main with a patch applied, by an index of its own."""
    index = {"GIT_DIR": str(bare), "GIT_INDEX_FILE": str(bare / "journey-index")}

    def tell(*argv: str, data: bytes | None = None) -> str:
        done = subprocess.run(
            ["git", *argv],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **index},
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return (done.stdout + done.stderr).decode().strip()

    tell("read-tree", "main")
    tell("apply", "--cached", "-", data=patch)
    return tell("write-tree")


def _git(bare: Path, *arguments: str) -> str:
    """What git says of the repository, or why it says nothing: both are worth comparing."""
    try:
        return git(bare, *arguments)
    except RuntimeError as problem:
        return str(problem)


def _count(events: Sequence[Json], kind: str, step_index: int | None = None) -> int:
    return sum(
        event["type"] == kind and (step_index is None or event.get("stepIndex") == step_index)
        for event in events
    )
