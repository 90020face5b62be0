"""The entry point of the `pawl` command."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App

import pawl
from pawl.cli.exits import REFUSED, SUCCEEDED
from pawl.cli.refusals import Unusable, say, tell
from pawl.wire.errors import Refusal

app = App(
    name="pawl",
    help="Runs coding-agent tasks step by step and lands each as one branch or pull request.",
    version=pawl.__version__,
    result_action="return_value",
    help_format="plaintext",
)
# By path, so that one command does not pay for importing all others.
for name, path in (
    ("up", "pawl.cli.up.command:up"),
    ("validate", "pawl.cli.validate:validate"),
    ("submit", "pawl.cli.submit:submit"),
    ("watch", "pawl.cli.watching.command:watch"),
    ("jobs", "pawl.cli.jobs:jobs"),
    ("show", "pawl.cli.show:show"),
    ("cancel", "pawl.cli.cancel:cancel"),
    ("artifacts", "pawl.cli.artifacts:artifacts"),
    ("runners", "pawl.cli.runners:runners"),
):
    app.command(path, name=name)


def run(arguments: Sequence[str]) -> int:
    """Runs the command that `arguments` name; the exit code it stands for."""
    try:
        return int(app(arguments) or 0)
    except Refusal as refusal:
        return tell(refusal)
    except Unusable as error:
        say(str(error))
        return REFUSED


def main() -> None:
    """Runs the command that `sys.argv` names and exits with its code."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. Python would complain once more when it
        # flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = SUCCEEDED
    sys.exit(code)


if __name__ == "__main__":
    main()
