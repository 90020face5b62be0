"""The store as readers see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from services.orchestrator.jobs.history import History
from services.orchestrator.jobs.job import Artifact, Event, Job, JobState, Segment, Stream
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.standing import Queue, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; empty fields take all."""

    states: tuple[JobState, ...] = ()
    runtime: str = ""
    repository: str = ""
    label: str = ""
    """``key=value``, or ``key`` for any value."""
    skill: str = ""
    """The id of one that the task or a step has in effect."""
    publish_mode: str = ""
    text: str = ""
    """Words that have to occur, in any order; see `ListJobsRequest.text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A piece of an attempt's `.log` that one stream wrote; kept when segments are gone."""

    position: int
    """Where it begins in the `.log`, in bytes."""
    stream: Stream
    offset: int
    """Where it begins in the stream, in bytes."""
    size: int


class Reading(Protocol):
    """Questions that change nothing. A job that is not there is None."""

    async def job(self, job_id: str, *, with_plan: bool = True) -> Job | None:
        """The job with its steps."""

    async def jobs(
        self, matching: JobFilter, *, size: int, after: str
    ) -> tuple[Sequence[Job], str]:
        """A page, newest first, without plans, and the token of the next page or ""."""

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """Events with a higher sequence number, in order."""

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """Everything listed, by path."""

    async def artifact(self, job_id: str, path: str) -> Artifact | None:
        """One artifact."""

    async def segments(
        self, job_id: str, *, step_index: int, attempt: int, after_order: int, limit: int
    ) -> Sequence[Segment]:
        """Segments of one attempt with a higher order, in order of arrival."""

    async def unjoined(self, job_id: str, *, step_index: int) -> Sequence[int]:
        """The attempts of a step whose bytes are in segments, in order."""

    async def stretches(
        self, job_id: str, *, step_index: int, attempt: int, from_position: int, limit: int
    ) -> Sequence[Stretch]:
        """Stretches of one attempt that begin at or behind a position of its log, in order."""

    async def received(self, job_id: str, *, step_index: int, attempt: int) -> dict[Stream, int]:
        """How many bytes of each stream of an attempt are stored."""

    async def standing(self, job_id: str, *, per_repository: int) -> Standing | None:
        """The job with what stands around it, at one moment."""

    async def queue(self) -> Queue:
        """How many jobs there are that have not ended."""

    async def history(self, *, length: timedelta, buckets: int) -> History:
        """What became of jobs in so many buckets; the last one is under way."""

    async def next_order(self, job_id: str, *, step_index: int, attempt: int) -> int:
        """The order of the next segment of an attempt."""

    async def publication(self, job_id: str) -> Publication | None:
        """The recorded intent."""
