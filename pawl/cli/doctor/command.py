"""`pawl doctor`: whether all is well, what is kept, and what to do."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from pawl.cli import tables
from pawl.cli.doctor.findings import Examined, Finding, findings, name_of
from pawl.cli.exits import SUCCEEDED, UNWELL
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.text import line
from pawl.client import GetQueueResponse, JobState, OrchestratorClient, Storage, connected
from pawl.concerns import spoken_size
from pawl.wire.errors import Unavailable

DAY = 86400.0


async def doctor(*, options: Options = DEFAULTS) -> int:
    """Ask whether all is well, and what to do about what is not.

    Shows what the orchestrator and every runner keep on their disks, what was removed last,
    and one line for each thing to look at. Ends with 1 where something is wrong.
    """
    async with connected(options.target, token=options.token) as client:
        examined = await _examined(client)
    found = findings(examined)
    if options.json:
        _put_json(examined, found)
    else:
        _put(examined, found)
    return UNWELL if any(one.grave for one in found) else SUCCEEDED


async def _examined(client: OrchestratorClient) -> Examined:
    asked = datetime.now(UTC)
    storage = await client.storage()
    half_way = asked + (datetime.now(UTC) - asked) / 2
    return Examined(
        storage=storage,
        fleet=await client.runners(),
        queue=await _queue(client),
        offset=storage.time.ToDatetime(tzinfo=UTC) - half_way,
    )


async def _queue(client: OrchestratorClient) -> GetQueueResponse | None:
    try:
        return await client.queue()
    except Unavailable:
        # Its database does not answer, which it told before.
        return None


def _put_json(examined: Examined, found: Sequence[Finding]) -> None:
    document = {
        "well": not any(one.grave for one in found),
        "findings": [asdict(one) for one in found],
        "clockOffsetSeconds": round(examined.offset.total_seconds(), 3),
        "storage": _document(examined.storage),
        "runners": [_document(runner) for runner in examined.fleet.runners],
        "queue": None if examined.queue is None else _document(examined.queue),
    }
    sys.stdout.write(json.dumps(document) + "\n")


def _document(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


def _put(examined: Examined, found: Sequence[Finding]) -> None:
    _put_runners(examined)
    _put_queue(examined.queue)
    places = [("orchestrator", examined.storage)]
    places += [
        (name_of(runner), runner.storage)
        for runner in examined.fleet.runners
        if runner.HasField("storage")
    ]
    _put_kept(places)
    sys.stdout.write("\n")
    if not found:
        sys.stdout.write("nothing to look at\n")
    for one in found:
        level = "wrong" if one.grave else "note"
        told = f"{one.about}: {one.message.rstrip('.')}. {one.remedy}"
        sys.stdout.write(f"{level:<5}  {line(told)} ({one.reason})\n")


def _put_runners(examined: Examined) -> None:
    rows = []
    for runner in examined.fleet.runners:
        state = "serving" if runner.reachable else "unreachable"
        able = [f"{card.name} {card.version}" for card in runner.runtimes if card.available]
        rows.append(
            (
                runner.runner_id,
                runner.target,
                "draining" if runner.reachable and runner.draining else state,
                f"{runner.free_slots}/{runner.slots}",
                runner.isolation,
                ", ".join(able) or "none",
            )
        )
    columns = ("runner", "target", "state", "free slots", "isolation", "can run")
    tables.put(columns, rows, headed=True)


def _put_queue(queue: GetQueueResponse | None) -> None:
    if queue is None:
        return
    by_state = {
        state: sum(one.jobs for one in queue.counts if one.state == state)
        for state in (JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_RUNNING)
    }
    waited = tables.duration(queue.longest_wait.ToTimedelta().total_seconds())
    sys.stdout.write("\n")
    tables.put_fields(
        (
            ("queued", str(by_state[JobState.JOB_STATE_QUEUED])),
            ("running", str(by_state[JobState.JOB_STATE_RUNNING])),
            ("longest wait", f"{waited} ({queue.longest_job_id})" if queue.longest_job_id else ""),
        )
    )


def _put_kept(places: Sequence[tuple[str, Storage]]) -> None:
    kept = [row for where, storage in places for row in _uses(where, storage)]
    columns = ("where", "what", "count", "size", "oldest", "kept for", "limit")
    sys.stdout.write("\n")
    tables.put(columns, kept, headed=True)
    disks = [
        (where, ", ".join(disk.kinds), spoken_size(disk.free_bytes), spoken_size(disk.size_bytes))
        for where, storage in places
        for disk in storage.disks
    ]
    sys.stdout.write("\n")
    tables.put(("where", "disk of", "free", "of"), disks, headed=True)
    rounds = [_round(where, storage) for where, storage in places]
    sys.stdout.write("\n")
    tables.put(("where", "git", "last collection", "removed"), rounds, headed=True)


def _uses(where: str, storage: Storage) -> Iterator[tuple[str, ...]]:
    for use in storage.uses:
        yield (
            where,
            use.kind,
            str(use.count or ""),
            spoken_size(use.size_bytes) if use.size_bytes else "",
            tables.moment(use.oldest_time),
            _days(use.retention.ToTimedelta()) if use.HasField("retention") else "ever",
            spoken_size(use.limit_bytes) if use.limit_bytes else "",
        )


def _round(where: str, storage: Storage) -> tuple[str, ...]:
    last = storage.last_collection
    removed = ", ".join(
        f"{one.count} {one.kind}" + (f" ({spoken_size(one.size_bytes)})" if one.size_bytes else "")
        for one in last.removals
    )
    ended = tables.moment(last.end_time) if storage.HasField("last_collection") else "not yet"
    return where, storage.git_version, ended, removed or "nothing"


def _days(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"{seconds / DAY:g} days" if seconds >= DAY else tables.duration(seconds)
