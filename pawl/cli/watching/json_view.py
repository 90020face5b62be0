"""A followed job as one JSON document a line."""

from types import TracebackType
from typing import Self

from pawl.cli import documents
from pawl.client import Activity, Happening, Job, JobEvent, WatchJobResponse


class JsonView:
    """Prints each message as the service sent it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, happened: Happening) -> None:
        """One document with the one field that is set."""
        if isinstance(happened, JobEvent):
            documents.put(WatchJobResponse(event=happened))
        elif isinstance(happened, Activity):
            documents.put(WatchJobResponse(activity=happened))
        else:
            documents.put(WatchJobResponse(output=happened))

    def end(self, job: Job) -> None:
        """Nothing: the last event has told it."""

    def close(self) -> None:
        """Nothing to undo."""
