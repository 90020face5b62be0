"""Starts orchestrators, whose database is full of jobs."""

from pathlib import Path
from typing import Any

import grpc

from bench.many_jobs import multiply, payloads
from bench.processes import Cores, server
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc

ORCHESTRATOR = ("services.orchestrator",)
NOBODY = "127.0.0.1:1"
SECONDS = 30
"""How long a call may take."""


def filled(folder: Path, cores: Cores, *, jobs: int) -> Path:
    """The database of the orchestrators below `folder`, with so many jobs. Raises Broken."""
    with (
        server("contract", "services.contract", cores=cores.server, folder=folder) as contract,
        orchestrator("filling", folder, cores, contract.address) as filling,
        grpc.insecure_channel(filling.address) as connected,
    ):
        stub = rpc.OrchestratorServiceStub(connected)
        for payload, labels in payloads():
            request = pb.SubmitTaskRequest(labels=labels)
            request.payload.update(payload)
            stub.SubmitTask(request, timeout=SECONDS, wait_for_ready=True)
    file = folder / "data" / "pawl.db"
    multiply(file, jobs)
    return file


def orchestrator(name: str, folder: Path, cores: Cores, contract: str = NOBODY) -> Any:
    """One for the length of a block. Raises Broken when it does not start."""
    environment = settings(folder, contract)
    return server(name, *ORCHESTRATOR, cores=cores.server, folder=folder, environment=environment)


def settings(folder: Path, contract: str = NOBODY) -> dict[str, str]:
    """Its environment."""
    return {
        "PAWL_DATA_DIR": str(folder / "data"),
        "PAWL_CONTRACT_TARGET": contract,
        "PAWL_RUNNER_TARGETS": NOBODY,
        "PATH": "/usr/bin:/bin",
    }
