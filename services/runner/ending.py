"""Decides how a run ended, from how its process ended, why it was stopped, what its CLI told."""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.runner.keeper.record import Ended
from services.runner.keeper.record import ProcessSeen as KeptSeen
from services.runner.keeper.record import Receipt as KeptReceipt
from services.runner.runtimes.runtime import Verdict
from services.runner.values import (
    Exit,
    Failure,
    Finished,
    Limits,
    Outcome,
    ProcessSeen,
    Receipt,
    SentSignal,
    Usage,
)

LONGEST_MESSAGE = 16 * 1024
"""Bytes of the final message that travel with the end."""

BROKEN = "broken"
CANCELLED = "cancelled"
CLOSED = "closed"
CORRUPT = "corrupt"
LINGERED = "lingered"
ORPHANED = "orphaned"
OUTPUT = "output"
SILENT = "silent"
STORAGE = "storage"
SUPERSEDED = "superseded"
TIMEOUT = "timeout"

_LOST = {
    ORPHANED: "Nobody followed the run for so long that the runner ended it.",
    SUPERSEDED: "A newer attempt of the job took its place.",
    "keeper_signalled": "Somebody ended the process that held the run.",
}
_RETRIED = "Nothing: the step is started again by itself as long as attempts are left."
_BROKEN = (
    "The runner could not go on with the run and stopped it.",
    "Look for `run_broke` in the runner's log and report the defect.",
)


def ended(
    record: Ended,
    *,
    noticed: str | None,
    limits: Limits,
    verdict: Callable[[Exit, bool], Verdict],
    usage: Usage | None,
    seen: str = "",
) -> Finished:
    """Returns how a run ended that its keeper saw to the end.

    `seen` is what it was at when it was ended for its silence, where anybody looked.

    `noticed` is what the runner itself found wrong, such as output cut at its limit: it counts
    even where the CLI had ended before it could be stopped. `verdict` is asked at most once, with
    the exit and whether the CLI had said its result and was ended for staying.
    """
    reason = noticed or record["stop"]
    end = _exit(record)
    receipt = _receipt(record["receipt"], end)
    duration = timedelta(seconds=record["duration"])
    if reason in {None, LINGERED} and end is not None and not record["out_of_memory"]:
        told = verdict(end, reason == LINGERED)
        return Finished(
            outcome=Outcome.SUCCEEDED if told.succeeded else Outcome.FAILED,
            end=end,
            failure=told.failure,
            duration=duration,
            usage=told.usage,
            final_message=shortened(told.final_message),
            receipt=receipt,
            reset_time=told.reset_time,
        )
    return Finished(
        outcome=_outcome(reason),
        end=end,
        failure=_failure(reason, record, limits, seen),
        duration=duration,
        usage=usage,
        receipt=receipt,
    )


def lost(message: str, receipt: Receipt | None = None) -> Finished:
    """Returns the end of a run that nobody saw."""
    return Finished(
        outcome=Outcome.LOST,
        end=None,
        failure=Failure(reason="RUNNER_LOST", message=message, remedy=_RETRIED),
        receipt=receipt if receipt is not None and receipt.before else None,
    )


def unstartable(reason: str, message: str, remedy: str) -> Finished:
    """Returns the end of a run that could not be started."""
    failure = Failure(reason=reason, message=message, remedy=remedy)
    return Finished(outcome=Outcome.FAILED, end=None, failure=failure)


def broken() -> Finished:
    """Returns the end of a run that met a defect of the runner."""
    return unstartable("INTERNAL", *_BROKEN)


def shortened(text: str) -> str:
    """Returns `text` in at most 16 KiB of UTF-8."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LONGEST_MESSAGE:
        return data.decode()
    return data[: LONGEST_MESSAGE - 3].decode("utf-8", "ignore") + "…"


def _outcome(reason: str | None) -> Outcome:
    if reason in {CANCELLED, CLOSED}:
        return Outcome.CANCELLED
    return Outcome.LOST if reason in _LOST else Outcome.FAILED


def _failure(reason: str | None, record: Ended, limits: Limits, seen: str) -> Failure | None:
    if reason in {CANCELLED, CLOSED}:
        return None
    if reason in _LOST:
        return Failure(reason="RUNNER_LOST", message=_LOST[reason], remedy=_RETRIED)
    name, message, remedy = _reasons(limits, seen).get(reason or "", _unasked(record))
    return Failure(reason=name, message=message, remedy=remedy)


def _unasked(record: Ended) -> tuple[str, str, str]:
    if record["out_of_memory"]:
        return (
            "AGENT_OOM",
            "The kernel ended the CLI because the runner's memory was used up.",
            "Give the runner more memory or fewer slots; then submit the task again.",
        )
    return (
        "AGENT_UNAVAILABLE",
        f"The CLI did not start: {record['error'] or 'its end was not told'}.",
        "Install the CLI on the runner, or correct the setting that names its binary.",
    )


def _reasons(limits: Limits, seen: str) -> dict[str, tuple[str, str, str]]:
    return {
        TIMEOUT: (
            "AGENT_TIMEOUT",
            f"The step ran for {_spoken(limits.step_timeout)}, its limit, and was stopped.",
            "Split the step into smaller ones, or raise task.limits.stepTimeoutSeconds.",
        ),
        SILENT: (
            "AGENT_SILENT",
            f"The CLI wrote nothing for {_spoken(limits.silence)}, its limit. {seen}".strip(),
            "Read the step's log for what it waited for, or raise task.limits.silenceSeconds.",
        ),
        OUTPUT: (
            "OUTPUT_LIMIT",
            f"The CLI wrote more than {limits.max_output_bytes} bytes and was stopped.",
            "Ask for less output in the step, or raise task.limits.maxOutputBytes.",
        ),
        CORRUPT: (
            "RESULT_CORRUPT",
            "The files that take the CLI's output were shortened while it ran.",
            "Look in the step's log for what wrote to them; then submit the task again.",
        ),
        BROKEN: ("INTERNAL", *_BROKEN),
        STORAGE: (
            "STORAGE_FULL",
            "The runner's disk took no more of the run's output.",
            "Free space where PAWL_DATA_DIR of the runner lies; then submit the task again.",
        ),
    }


def _spoken(time: timedelta) -> str:
    return f"{time.total_seconds():g} seconds"


def _exit(record: Ended) -> Exit | None:
    code, signal = record["exit_code"], record["exit_signal"]
    return None if code is None and signal is None else Exit(code=code, signal=signal)


def _receipt(kept: KeptReceipt, end: Exit | None) -> Receipt | None:
    after = kept["survivors"]
    if not kept["signals"] and not after:
        return None
    return Receipt(
        signals=tuple(
            SentSignal(
                name=sent["signal"],
                target=sent["target"],
                pid=sent["pid"],
                time=datetime.fromisoformat(sent["time"]),
            )
            for sent in kept["signals"]
        ),
        signal_count=kept.get("signal_count", len(kept["signals"])),
        before=tuple(_seen(p) for p in kept["before"]),
        before_count=kept.get("before_count", len(kept["before"])),
        after=tuple(_seen(p) for p in after),
        after_count=kept.get("survivor_count", len(after)),
        survivors=tuple(_seen(p) for p in after),
        end=end,
        duration=timedelta(seconds=kept["duration"]),
    )


def _seen(process: KeptSeen) -> ProcessSeen:
    return ProcessSeen(
        pid=process["pid"],
        name=process["name"],
        start_time=process["start_time"],
        ways=tuple(process.get("ways", ())),
    )
