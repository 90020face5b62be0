"""What `pawl artifacts` lists, and how it keeps one."""

import hashlib
from pathlib import Path

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.pawl.cli.conftest import Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator


def artifact(data: bytes, path: str = "logs/x.log") -> pb.ListArtifactsResponse:
    digest = hashlib.sha256(data).hexdigest()
    one = job_pb2.Artifact(path=path, size_bytes=len(data), sha256=digest)
    return pb.ListArtifactsResponse(artifacts=[one])


async def test_artifacts_are_listed(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["ListArtifacts"] = artifact(b"abc")
    said = await pawl("artifacts", JOB_ID)
    assert said.out.split("\t")[:2] == ["logs/x.log", "3"]


async def test_an_artifact_goes_to_a_file_as_it_is(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    data = bytes(range(256))
    orchestrator.answers["ListArtifacts"] = artifact(data)
    orchestrator.reads = [[pb.ReadArtifactResponse(data=data)]]
    said = await pawl("artifacts", JOB_ID, "logs/x.log", "-o", str(tmp_path / "x"))
    assert (said.code, said.out) == (0, "")
    assert (tmp_path / "x").read_bytes() == data


async def test_an_artifact_with_another_digest_leaves_no_file(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    orchestrator.answers["ListArtifacts"] = artifact(b"abc")
    orchestrator.reads = [[pb.ReadArtifactResponse(data=b"abd")]]
    said = await pawl("artifacts", JOB_ID, "logs/x.log", "-o", str(tmp_path / "x"))
    assert said.code == 2
    assert "does not have the digest" in said.err
    assert not list(tmp_path.iterdir())
