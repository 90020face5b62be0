"""The entry point of the `pawl` command."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

import pawl
from pawl.cli.exits import REFUSED, SUCCEEDED
from pawl.cli.refusals import Unusable, say, tell
from pawl.wire.errors import Refusal

app = App(
    name="pawl",
    help="Runs coding-agent tasks step by step and lands each as one branch or pull request.",
    version=pawl.__version__,
    result_action="return_value",
    # Most defaults are "nothing"; those worth showing say so themselves.
    default_parameter=Parameter(show_default=False),
)
# By path, so that one command does not pay for importing all others.
for name, path, says in (
    ("up", "up.command:up", "Run every service on this machine until Ctrl-C."),
    ("validate", "validate:validate", "Show what a payload would become, or all that is wrong."),
    ("schema", "schema:schema", "Print the JSON Schema of payloads, for editors and forms."),
    ("submit", "submit:submit", "Store a task as a job, and print the job's id."),
    ("watch", "watching.command:watch", "Follow a job until it has ended."),
    ("jobs", "jobs:jobs", "List jobs, newest first."),
    ("show", "show:show", "Show everything about one job."),
    ("explain", "explain:explain", "Tell why a job is where it is, and what holds it."),
    ("cancel", "cancel:cancel", "Ask a job to stop."),
    ("retry", "retry:retry", "Open a failed job again, from its last checkpoint."),
    ("artifacts", "artifacts:artifacts", "List what a job leaves behind, or read one of it."),
    ("runners", "runners:runners", "List the runners, and what each can run."),
    ("doctor", "doctor.command:doctor", "Tell whether all is well, and what to do if not."),
):
    app.command(f"pawl.cli.{path}", name=name, help=says)


async def run(arguments: Sequence[str]) -> int:
    """Runs the command that `arguments` name; the exit code it stands for."""
    try:
        return int(await app.run_async(arguments) or SUCCEEDED)
    except Refusal as refusal:
        return tell(refusal)
    except Unusable as error:
        say(str(error))
        return REFUSED


def main() -> None:
    """Runs the command that `sys.argv` names and exits with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What others wrote may hold more than the locale can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = asyncio.run(run(sys.argv[1:]))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. Python would complain once more when it
        # flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = SUCCEEDED
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


if __name__ == "__main__":
    main()
