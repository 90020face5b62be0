"""The jobs that chaos is made for: three steps that talk, change files, and are published."""

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from tests.chaos.house import House
from tests.support.stack import task

MOST_LOSSES = 10
TALK = 20_000


def payload(house: House, key: str, *, seconds: float = 0.3, fails: bool = False) -> dict[str, Any]:
    """The job `key`: every step notes its life, keeps a copy of what it says, adds a line.

    Its second step goes on once ``go/<key>`` exists; where it `fails` it ends there instead.
    """
    audit, copy = house.folder / "audits" / key, house.folder / "copies" / key
    sprung = house.folder / "sprung"
    scripts = []
    for index in range(3):
        lines = [
            f"do: audit {audit}",
            f"do: copies {copy}.{index}",
            f"do: bytes {TALK}",
            f"do: append chain.txt step {index}\\n",
            "do: run printenv OPENAI_API_KEY; git config core.fsmonitor 'touch "
            f"{sprung}'; git config core.hooksPath {house.folder}",
            f"do: write made/{index}.txt {'x' * 200}",
            f"do: stderr step {index} talks",
            f"do: talk {seconds}",
            f"do: bytes {TALK}",
        ]
        if index == 1:
            lines.append("do: exit 3" if fails else f"do: wait-for {house.folder / 'go' / key}")
        lines.append(f"do: say done {index}")
        scripts.append("\n".join(lines))
    (repository,) = house.repositories
    return task(repository, *scripts, publish="pr" if house.forge else "branch")


def go(house: House, key: str) -> None:
    """Lets the job's second step go on."""
    (house.folder / "go" / key).touch()


class Callers:
    """Submits to whichever orchestrator answers, again and again under one request id."""

    def __init__(self, house: House, patience: float = 60.0) -> None:
        self._house = house
        self._patience = patience
        self._channels: dict[str, grpc.Channel] = {}
        self._turn = 0
        self._lock = threading.Lock()

    def submit(self, orchestrators: tuple[str, ...], key: str, body: Any, **labels: str) -> str:
        """The id of the job, however often it took to be told."""
        request = pb.SubmitTaskRequest(request_id=key, max_attempts=MOST_LOSSES)
        request.payload.update(body)
        request.labels.update({"key": key, **labels})
        said = self._ask(orchestrators, lambda stub: stub.SubmitTask(request, timeout=5))
        return str(said.job.job_id)

    def cancel(self, orchestrators: tuple[str, ...], job_id: str) -> None:
        """Asks for a job to be cancelled; too late is no matter."""
        request = pb.CancelJobRequest(job_id=job_id, reason="chaos")
        self._ask(orchestrators, lambda stub: stub.CancelJob(request, timeout=5))

    def close(self) -> None:
        """Ends the connections."""
        for channel in self._channels.values():
            channel.close()

    def _ask(
        self,
        orchestrators: tuple[str, ...],
        call: Callable[[rpc.OrchestratorServiceStub], Any],
    ) -> Any:
        give_up = time.monotonic() + self._patience
        while True:
            with self._lock:
                self._turn += 1
                name = orchestrators[self._turn % len(orchestrators)]
                channel = self._channels.get(name)
                if channel is None:
                    channel = self._channels[name] = grpc.insecure_channel(
                        self._house.address(name),
                        options=[
                            ("grpc.initial_reconnect_backoff_ms", 50),
                            ("grpc.min_reconnect_backoff_ms", 50),
                            ("grpc.max_reconnect_backoff_ms", 500),
                        ],
                    )
            try:
                return call(rpc.OrchestratorServiceStub(channel))
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else None
                if code is grpc.StatusCode.FAILED_PRECONDITION:
                    return None
                # INTERNAL is a defect that was asked for; the request id makes asking again safe.
                if code not in AGAIN or time.monotonic() > give_up:
                    raise
            time.sleep(0.1)


AGAIN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
}
