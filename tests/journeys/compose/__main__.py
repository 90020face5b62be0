"""Runs tasks in the Compose stack, with a runner killed on the way.

Exit code 0 when every fact holds, 1 when one does not, 2 when the journey cannot begin.
"""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.journeys.compose import facts, pages
from tests.journeys.compose.report import Report
from tests.journeys.compose.stack import API, Json, Missing, Refused, Stack, require
from tests.support.repositories import git, sample_repository

REPOSITORY = "acme/sample"
TOKEN = "made-up-token-of-the-journey"
JOB_SECONDS = 300

STEPS = [
    {"id": "one", "instructions": "do: append trace.txt one\\n\ndo: say The first is done."},
    {
        "id": "two",
        # The pause is where the second job's runner is killed; trace.txt would tell a step done
        # twice, half.txt a workspace that kept what the lost attempt left.
        "instructions": "do: append half.txt half\\n\ndo: sleep 20\ndo: append trace.txt two\\n"
        "\ndo: say The second is done.",
    },
    {"id": "three", "instructions": "do: append trace.txt three\\n\ndo: say The third is done."},
]


def main() -> int:
    """Always takes the stack down again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    try:
        require()
    except Missing as missing:
        print(f"journey-compose: {missing}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="pawl-journey-") as name:
        folder = Path(name)
        stack = Stack(repositories=folder / "repositories", token_file=folder / "token")
        bare = _prepare(stack, folder)
        try:
            _journey(stack, bare, report)
        except Refused as problem:
            report.check("every command of the journey works", holds=False, found=str(problem))
            print(stack.compose("logs", "--no-color", "--tail", "60"), flush=True)
        finally:
            with report.doing("taking the stack down, with its data"):
                stack.compose("down", "--volumes", "--remove-orphans", seconds=180)
    return report.close()


def _prepare(stack: Stack, folder: Path) -> Path:
    stack.token_file.write_text(f"{TOKEN}\n")
    stack.token_file.chmod(0o644)
    folder.chmod(0o755)
    work = sample_repository(folder / "work")
    bare = stack.repositories / f"{REPOSITORY}.git"
    bare.parent.mkdir(parents=True)
    git(folder, "clone", "-q", "--bare", str(work), str(bare))
    return bare


def _journey(stack: Stack, bare: Path, report: Report) -> None:
    with report.doing("building the images"):
        stack.build()
    with report.doing("starting the stack"):
        stack.up()
    facts.of_the_stack(stack, report)

    report.say("a task of three steps")
    events = _run(stack, report, branch="first")
    facts.of_an_undisturbed_job(stack, report, events, bare)

    report.say("its pages, for who follows the link of `make login`")
    browser = pages.logged_in(stack, report)
    pages.of_the_jobs(stack, browser, report, events)

    report.say("the same task, with the runner's container killed in its second step")
    killed: list[int] = []

    def kill(message: Json) -> None:
        activity = message.get("activity", {})
        wrote = activity.get("kind") in {"ACTIVITY_KIND_TOOL_RESULT", "ACTIVITY_KIND_FILE_CHANGE"}
        if not killed and activity.get("stepIndex") == 1 and wrote:
            killed.append(stack.kill("runner"))
            report.say(f"  killed the runner's process {killed[0]}")

    events = _run(stack, report, branch="second", on_message=kill)
    report.check("the runner was killed in mid-step", bool(killed))
    facts.of_a_job_that_lost_its_runner(stack, report, events, bare)
    report.check(
        "the engine started the runner again", stack.inspect("runner")["RestartCount"] == 1
    )

    with report.doing("stopping the stack and starting it again on its data"):
        stack.compose("stop", seconds=180)
        facts.of_leaving(stack, report)
        stack.compose("down", seconds=180)
        stack.up()
    facts.of_coming_back(stack, report, events)
    pages.of_coming_back(browser, report)


def _run(
    stack: Stack,
    report: Report,
    *,
    branch: str,
    on_message: Callable[[Json], None] = lambda _: None,
) -> list[Json]:
    """Submits the task and gives the job's events once it has ended."""
    payload = {
        "repository": REPOSITORY,
        "targetRuntime": "codex",
        "task": {
            "instructions": "Leave a trace of every step.",
            "steps": STEPS,
            "git": {"newBranch": branch},
            "publish": {"mode": "branch"},
        },
    }
    submitted = stack.call("SubmitTask", {"payload": payload, "requestId": branch})
    job_id = submitted["job"]["jobId"]
    report.say(f"  grpcurl … {API}/SubmitTask: job {job_id}")
    report.check("the submit has no warnings", "warnings" not in submitted, submitted)
    events: list[Json] = []
    for message in stack.stream("WatchJob", {"jobId": job_id}, seconds=JOB_SECONDS):
        if event := message.get("event"):
            events.append(event)
            report.say(f"    {event['sequence']:>3} {event['type']}  {event.get('message', '')}")
        on_message(message)
    return events


if __name__ == "__main__":
    sys.exit(main())
