"""What the end of a call to a runner means to whoever drives a job."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from pawl.wire.channel import refusal
from pawl.wire.errors import (
    Aborted,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unexpected,
)
from services.orchestrator.drive.ports import RunAlive, RunnerFull, RunnerUnreachable, RunUnknown
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.remote import translate


@contextmanager
def told() -> Iterator[None]:
    """Says what the end of a call means to whoever drives a job."""
    try:
        yield
    except (grpc.aio.AioRpcError, grpc.aio.UsageError) as error:
        raise trouble(error) from error
    except asyncio.CancelledError as error:
        # A call whose channel is closed under it, because its runner has moved to another
        # address, ends like a cancelled one. This task was not asked to end then, and what
        # waits for it would wait for ever.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RunnerUnreachable("its address is used no more") from error


def trouble(error: grpc.aio.AioRpcError | grpc.aio.UsageError) -> Exception:
    """What a runner's refusal means to whoever drives a job."""
    if isinstance(error, grpc.aio.UsageError):
        # The channel was closed because the runner has moved to another address.
        return RunnerUnreachable(str(error))
    said = refusal(error)
    match said:
        case Aborted(reason="STALE_EPOCH"):
            return LeaseLost()
        case NotFound(reason="RUN_NOT_FOUND" | "WORKSPACE_NOT_FOUND"):
            return RunUnknown(said.message)
        case ResourceExhausted(reason="NO_FREE_SLOT") | Unavailable(reason="DRAINING"):
            return RunnerFull(said.message)
        case Unavailable(reason="RUN_ALIVE" | "RUN_BROKEN"):
            return RunAlive(f"{said.reason}: {said.message}")
        case Unavailable() | DeadlineExceeded() | Unexpected() | ResourceExhausted():
            # The last without a reason of the runner's is gRPC's own: too many calls at once.
            return RunnerUnreachable(f"{said.reason}: {said.message}")
        case Unauthenticated() | PermissionDenied():
            return RunnerUnreachable(f"{said.reason}: {said.message}")
        case _:
            return JobFailed(translate.failure_of(said))
