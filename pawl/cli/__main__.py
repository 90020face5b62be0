"""The entry point of the `pawl` command."""

import sys

from cyclopts import App

import pawl

app = App(
    name="pawl",
    help="Runs coding-agent tasks step by step and lands each as one branch or pull request.",
    version=pawl.__version__,
    result_action="return_value",
    help_format="plaintext",
)
# By path, so that one command does not pay for importing all others.
app.command("pawl.cli.up.command:up", name="up")


def main() -> None:
    """Runs the command that `sys.argv` names and exits with its code."""
    code = app(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
