"""What a step leaves behind: its logs, its patch, its tree, what lies only in git."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.jsonlines import JsonLines
from services.orchestrator.drive.ports import Runner, RunnerUnreachable, TakenTree
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.job import Artifact, NewEvent, Segment, Stream
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.publishing import trailer
from services.orchestrator.source import commit, pack, patch
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.mirror import Mirror

PAGE = 256
TRIES = 3
"""How often a result that arrived damaged is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The tree of a workspace as the orchestrator has taken it in."""

    tree: str
    commit: str
    changed: bool
    """It is not what the step began with."""
    artifacts: tuple[Artifact, ...]
    events: tuple[NewEvent, ...]


async def take_tree(work: Work, runner: Runner, step_index: int, *, partial: bool) -> Tree:
    """Takes the workspace's tree; `partial` is the evidence of a step that did not succeed.

    Moves the ref of the checkpoint, or of the snapshot. Raises JobFailed, RunUnknown,
    RunnerUnreachable.
    """
    job, mirror = work.job, await work.mirror()
    with mirror.scratch() as folder:
        taken = await _import(work, runner, mirror, folder)
        made = await commit.make_commit(
            mirror,
            tree=taken.tree,
            base=job.base_commit,
            message=f"Step {step_index} of job {job.job_id}",
            trailer=trailer(job.job_id, work.plan.digest),
            time=job.create_time,
        )
        before = job.steps[step_index - 1].checkpoint_commit if step_index else job.base_commit
        artifacts: list[Artifact] = []
        suffix = ".partial.patch" if partial else ".patch"
        file = await patch.diff(mirror, before, made, folder / "step.patch")
        name = f"step-{step_index:04}"
        if file is not None:
            artifacts.append(
                await work.tools.artifacts.put_file(
                    job.job_id, f"patches/steps/{name}{suffix}", file
                )
            )
        if taken.left_pack is not None:
            artifacts.append(
                await work.tools.artifacts.put_file(
                    job.job_id, f"git/steps/{name}.pack", taken.left_pack
                )
            )
    reach(Point.T8, GitTimedOut)
    if partial:
        attempt = job.steps[step_index].attempt
        await mirror.keep(commit.snapshot_ref(job.job_id, step_index, attempt), made)
    else:
        await mirror.keep(commit.checkpoint_ref(job.job_id, step_index), made)
    reach(Point.T9, GitTimedOut)
    return Tree(
        tree=taken.tree,
        commit=made,
        changed=file is not None,
        artifacts=tuple(artifacts),
        events=tuple(_remarks(taken, step_index)),
    )


async def _import(work: Work, runner: Runner, mirror: Mirror, folder: Path) -> TakenTree:
    """The runner's tree, checked and in the mirror; a damaged one is asked for again."""
    for attempt in range(TRIES):
        work.lease.check()
        taken = await runner.checkpoint(work.job.workspace_id, work.claim.epoch, folder)
        reach(Point.T7, RunnerUnreachable)
        try:
            await pack.receive(
                mirror,
                taken.pack,
                size_bytes=taken.pack_size,
                sha256=taken.pack_sha256,
                tree=taken.tree,
                base=work.job.base_commit,
            )
        except JobFailed as error:
            if error.failure.reason is not Reason.RESULT_CORRUPT or attempt == TRIES - 1:
                raise
        else:
            return taken
    raise AssertionError("the last try returns or raises")


def _remarks(taken: TakenTree, step_index: int) -> Iterator[NewEvent]:
    if taken.left:
        refs = ", ".join(left["ref"] for left in taken.left[:5])
        artifact = f"git/steps/step-{step_index:04}.pack" if taken.left_pack else None
        kept = f"kept as {artifact}" if artifact else "which could not be kept"
        yield NewEvent(
            type="task.step.leftInGit",
            message=f"Left only in git, {kept}: {refs}.",
            payload={
                "stepIndex": step_index,
                "left": list(taken.left),
                "artifact": artifact,
            },
            stage=Stage.EXECUTE,
            step_index=step_index,
        )
    if taken.dropped or taken.nested:
        yield NewEvent(
            type="task.step.protocolWarning",
            message=(
                f"{len(taken.dropped)} special files were left out and the files of "
                f"{len(taken.nested)} nested repositories were taken as plain files."
            ),
            payload={
                "stepIndex": step_index,
                "dropped": list(taken.dropped),
                "nested": list(taken.nested),
            },
            stage=Stage.EXECUTE,
            step_index=step_index,
        )


async def step_logs(
    work: Work, step_index: int, attempt: int, *, lost: bool = False
) -> list[Artifact]:
    """Joins an attempt's stored output into its `.log` and, of its JSON lines, its `.jsonl`.

    What its agent did goes into an `.activity.jsonl`, as far as this owner was told.
    """
    job_id = work.job.job_id
    prefix = f"attempts/{attempt}/" if lost else ""
    artifacts: list[Artifact] = []
    mirror = await work.mirror()
    with mirror.scratch() as folder:
        log, lines, activity = folder / "log", folder / "jsonl", folder / "activity.jsonl"
        with ExitStack() as files:
            everything = files.enter_context(log.open("wb"))
            framer = JsonLines(files.enter_context(lines.open("wb")))
            async for segment, data in _output(work, step_index, attempt):
                await asyncio.to_thread(everything.write, data)
                if segment.stream is Stream.STDOUT:
                    await asyncio.to_thread(framer.feed, data)
            framer.end()
        await asyncio.to_thread(_write, activity, work.activity.of(step_index, attempt))
        for file in (log, lines, activity):
            if file != log and not file.stat().st_size:
                continue
            path = f"{prefix}logs/steps/step-{step_index:04}.{file.name}"
            artifacts.append(await work.tools.artifacts.put_file(job_id, path, file))
    return artifacts


def _write(file: Path, parts: Iterable[bytes]) -> None:
    with file.open("wb") as opened:
        opened.writelines(parts)


async def segment_keys(work: Work, step_index: int, attempt: int) -> list[str]:
    """Where the pieces of an attempt's output are."""
    return [segment.key async for segment in _segments(work, step_index, attempt)]


async def next_order(work: Work, step_index: int, attempt: int) -> int:
    """The order of the next piece of an attempt's output."""
    return await work.tools.store.next_order(
        work.job.job_id, step_index=step_index, attempt=attempt
    )


async def _output(
    work: Work, step_index: int, attempt: int
) -> AsyncIterator[tuple[Segment, bytes]]:
    async for segment in _segments(work, step_index, attempt):
        yield segment, await work.tools.artifacts.read_segment(segment.key)


async def _segments(work: Work, step_index: int, attempt: int) -> AsyncIterator[Segment]:
    after = -1
    while True:
        page: Sequence[Segment] = await work.tools.store.segments(
            work.job.job_id, step_index=step_index, attempt=attempt, after_order=after, limit=PAGE
        )
        for segment in page:
            yield segment
        if len(page) < PAGE:
            return
        after = page[-1].order
