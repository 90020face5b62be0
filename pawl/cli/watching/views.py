"""The ways in which a followed job can be shown."""

from contextlib import AbstractContextManager
from typing import Protocol, TextIO

from pawl.cli.watching.json_view import JsonView
from pawl.cli.watching.live_view import LiveView
from pawl.cli.watching.plain_view import PlainView
from pawl.client import Happening, Job


class View(Protocol):
    """Shows one job; closed when nothing more will come."""

    def show(self, happened: Happening) -> None:
        """Shows the next thing that happened."""

    def end(self, job: Job) -> None:
        """Shows how it all ended, and closes."""

    def close(self) -> None:
        """Leaves the terminal as it was; may be called again."""


def view_for(job: Job, stream: TextIO, *, json: bool, output: bool) -> AbstractContextManager[View]:
    """The view that fits: documents when asked for, live on a terminal, plain elsewhere.

    `output` says that the CLI's output will come, too.
    """
    if json:
        return JsonView()
    if stream.isatty():
        return LiveView(job, stream)
    return PlainView(job, stream, output=output)
