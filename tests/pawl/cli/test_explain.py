"""What `pawl explain` prints."""

import json

from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import NotFound
from tests.pawl.cli.conftest import HOSTILE, Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator


async def test_explain_begins_with_one_sentence_and_shows_every_runner(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_QUEUED,
        reason=pb.STANDING_REASON_CAPABILITY_MISSING,
        summary=f"It waits: no runner offers {HOSTILE}.",
        holds=[pb.Hold(reason=pb.STANDING_REASON_CAPABILITY_MISSING, message="nobody offers gpu")],
        waiting=pb.Waiting(
            position=3,
            runners=[
                pb.RunnerLook(
                    target="127.0.0.1:1",
                    runner_id="r1",
                    obstacle=pb.RUNNER_OBSTACLE_CAPABILITY_MISSING,
                    missing_capabilities=["gpu"],
                    slots=2,
                    free_slots=1,
                    job_ids=["other"],
                )
            ],
            repository_limit=2,
            repository_running=1,
            repository_job_ids=["other"],
            max_jobs=64,
        ),
    )

    said = await pawl("explain", JOB_ID)

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "It waits: no runner offers red2J.",
        "",
        f"job                {JOB_ID}",
        "state              queued",
        "reason             capability missing",
        "position           3",
        "its repository     1 run, 2 may: other",
        "this orchestrator  drives 0 jobs, 64 may be",
        "",
        "in the way",
        "capability missing\t\tnobody offers gpu",
        "",
        "runners",
        "r1\t127.0.0.1:1\tcapability missing\tgpu\t1/2\tother",
    ]


async def test_explain_tells_what_a_running_job_does(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    running = pb.Running(
        stage=task_pb2.STAGE_EXECUTE, step_index=0, attempt=2, runner_id="r1", owned_here=True
    )
    running.silent_for.FromSeconds(75)
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_RUNNING,
        reason=pb.STANDING_REASON_SILENT,
        summary="It runs.",
        holds=[pb.Hold(reason=pb.STANDING_REASON_SILENT, message="it has an owner")],
        running=running,
    )

    said = await pawl("explain", JOB_ID)

    assert said.code == 0
    fields = dict(one.split("  ", 1) for one in said.out.splitlines() if "  " in one)
    shown = {name: value.strip() for name, value in fields.items()}
    assert shown["step"] == "0"
    assert shown["runner"] == "r1 (cannot be reached)"
    assert shown["silent for"] == "1 m 15 s"
    assert shown["owner"] == "this orchestrator"
    assert "in the way" not in said.out


async def test_explain_tells_what_ended_a_job(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    lost = job_pb2.JobEvent(sequence=7, attempt=1, message="Step 0 was lost.")
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_DEAD_LETTER,
        reason=pb.STANDING_REASON_DEAD_LETTER,
        summary="It has been given up.",
        ended=pb.Ended(
            event=job_pb2.JobEvent(sequence=9, type="job.deadLettered"),
            failure=job_pb2.Failure(reason="RUNNER_LOST", remedy="Look."),
            losses=[lost],
        ),
    )

    said = await pawl("explain", JOB_ID)

    assert "decided by  event 9, job.deadLettered\n" in said.out
    assert said.out.endswith("\nlosses\n7\t\t1\tStep 0 was lost.\n")


async def test_explain_prints_one_document_where_asked_to(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID, eligible=True, reason=pb.STANDING_REASON_ELIGIBLE
    )

    said = await pawl("explain", JOB_ID, "--json")

    document = json.loads(said.out)
    assert (said.code, document["eligible"]) == (0, True)
    assert document["reason"] == "STANDING_REASON_ELIGIBLE"


async def test_explain_of_no_job_is_refused(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["ExplainJob"] = NotFound("JOB_NOT_FOUND", "no job has this id")

    said = await pawl("explain", JOB_ID)

    assert (said.code, said.out) == (2, "")
