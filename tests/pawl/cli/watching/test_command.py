"""Following a job on a pipe, on a terminal, and leaving it."""

import asyncio
import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.pawl.cli.conftest import Pawl
from tests.support.scripted_orchestrator import (
    JOB_ID,
    Lost,
    ScriptedOrchestrator,
    Silence,
    activity,
    event,
    job,
    output,
    scripted,
)

# These start processes, which takes its time on a machine that is busy.
pytestmark = pytest.mark.timeout(40)


@pytest.mark.parametrize(
    ("state", "code"), [("SUCCEEDED", 0), ("FAILED", 1), ("DEAD_LETTER", 1), ("CANCELLED", 3)]
)
async def test_the_exit_code_is_the_jobs_end(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, state: str, code: int
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job(state))
    orchestrator.streams = [[event(1, "job.submitted"), event(2, "job.ended")]]
    said = await pawl("watch", JOB_ID)
    assert said.code == code


async def test_each_event_is_a_line_that_starts_with_its_sequence(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("SUCCEEDED"))
    orchestrator.streams = [
        [event(5, "task.step.started", step_index=1, message="go"), Lost],
        [activity(0, "hm\x1b[2J\nso"), event(6, "job.succeeded")],
    ]
    said = await pawl("watch", JOB_ID, "--after", "4")
    assert [line.split("  ") for line in said.out.splitlines()[:3]] == [
        ["5", "task.step.started", "step 1 (second)", "go"],
        ["-", "message", "step 0 (first)", "hm so"],
        ["6", "job.succeeded"],
    ]
    watches = [asked for asked in orchestrator.asked if isinstance(asked, pb.WatchJobRequest)]
    assert [asked.after_sequence for asked in watches] == [4, 5]


async def test_the_end_names_failure_and_remedy(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    failure = job_pb2.Failure(reason="AGENT_EXIT", message="Left 1.", step_index=1, remedy="Look.")
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("FAILED", failure=failure))
    orchestrator.streams = [[event(1, "job.failed")]]
    said = await pawl("watch", JOB_ID)
    assert "AGENT_EXIT at step 1: Left 1.\nwhat to do: Look.\n" in said.out


async def test_json_is_one_document_per_message(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("SUCCEEDED"))
    orchestrator.streams = [[event(1), activity(0), output(0, b"\x00"), event(2)]]
    said = await pawl("watch", JOB_ID, "--json", "--output")
    documents = [json.loads(line) for line in said.out.splitlines()]
    assert [next(iter(document)) for document in documents] == [
        "event",
        "activity",
        "output",
        "event",
    ]
    assert documents[3]["event"]["sequence"] == "2"
    assert documents[2]["output"]["data"] == "AA=="


def pawl_process(address: str, *arguments: str) -> tuple[tuple[str, ...], dict[str, str]]:
    argv = (sys.executable, "-m", "pawl.cli", *arguments)
    return argv, {**os.environ, "PAWL_TARGET": address, "TERM": "xterm", "COLUMNS": "100"}


async def test_output_on_a_pipe_is_the_bytes_alone(orchestrator: ScriptedOrchestrator) -> None:
    data = bytes(range(256))
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("SUCCEEDED"))
    orchestrator.streams = [[event(1), output(0, data), event(2, "job.succeeded")]]
    async with scripted(orchestrator) as address:
        argv, environment = pawl_process(address, "watch", JOB_ID, "--output")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate()
    assert (process.returncode, out) == (0, data)
    assert b"2  job.succeeded" in err


async def test_ctrl_c_only_detaches_and_says_how_to_return(
    orchestrator: ScriptedOrchestrator,
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job())
    orchestrator.streams = [[event(1), event(2), Silence]]
    async with scripted(orchestrator) as address:
        argv, environment = pawl_process(address, "watch", JOB_ID)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdout=pipe, stderr=pipe
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 0
    assert err.decode() == f"pawl: detached; the job goes on: pawl watch {JOB_ID} --after 2\n"


async def test_a_reader_that_has_seen_enough_is_no_error(
    orchestrator: ScriptedOrchestrator,
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("SUCCEEDED"))
    orchestrator.streams = [[event(number) for number in range(1, 2000)]]
    async with scripted(orchestrator) as address:
        argv, environment = pawl_process(address, "watch", JOB_ID)
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdout=writing, stderr=asyncio.subprocess.PIPE
        )
        os.close(writing)
        os.close(reading)
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_a_terminal_gets_stages_steps_and_activity_and_no_escape_of_others(
    orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2Jtext"
    running = {"step_index": 0, "stage": task_pb2.STAGE_EXECUTE}
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("RUNNING"))
    orchestrator.streams = [
        [
            event(1, "task.stage.started", stage=task_pb2.STAGE_EXECUTE),
            event(2, "task.step.started", message=hostile, **running),
            activity(0, f"thinking {hostile}"),
            output(0, f"said {hostile}\n".encode()),
            Silence,
        ]
    ]
    seen = bytearray()
    async with scripted(orchestrator) as address:
        argv, environment = pawl_process(address, "watch", JOB_ID, "--output")
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        while True:  # the test's own time limit ends a wait for what never comes
            try:
                seen += os.read(ours, 65536)
            except OSError:
                if process.returncode is not None:
                    break
            if b"thinking" in seen and orchestrator.silent.is_set():
                orchestrator.silent.clear()
                process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.02)
        await process.wait()
        os.close(ours)
    text = seen.decode()
    assert process.returncode == 0
    for words in ("▶ execute", "first", "0 of 2 steps", "said text", "message: thinking text"):
        assert words in text
    assert "\x1b]0;" not in text
    assert "\x1b[2Jtext" not in text
    assert text.rstrip().endswith("--after 2")
    assert "\x1b[?25h" in text
