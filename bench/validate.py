"""ValidateTask of an ordinary task, beside a gRPC server that only echoes the request."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import grpc
from ruamel.yaml import YAML

from bench import echo
from bench.measure import Series, Subject, in_turns
from bench.processes import Broken, Cores, Server, client, server
from bench.profile import hot_spots
from bench.report import Report, Target
from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc

TASK = Path(__file__).resolve().parent.parent / "examples" / "three-steps.yaml"
CALLERS = (1, 8, 32)
CALLS_WANTED = 1_000
SHARE_WANTED = 0.4
CONTRACT = ("services.contract",)
METHOD = "/pawl.v1.ContractService/ValidateTask"


def request(task: Path = TASK) -> pb.ValidateTaskRequest:
    """The call that is measured."""
    made = pb.ValidateTaskRequest()
    made.payload.update(YAML(typ="safe", pure=True).load(task))
    return made


def run(*, rounds: int, seconds: float) -> Report:
    """Takes about ``9 * rounds * seconds`` seconds. Raises Broken when a call fails."""
    cores = Cores.split()
    asked = request()
    with ExitStack() as scope:
        folder = Path(scope.enter_context(tempfile.TemporaryDirectory(prefix="pawl-bench-")))
        message = folder / "request"
        message.write_bytes(asked.SerializeToString())
        contract = scope.enter_context(
            server("contract", *CONTRACT, cores=cores.server, folder=folder)
        )
        answer_bytes = _answer_bytes(contract, asked)
        bare = scope.enter_context(
            server(
                "echo",
                "bench.echo",
                f"--address-file={folder / 'echo.address'}",
                f"--answer-bytes={answer_bytes}",
                cores=cores.server,
                folder=folder,
            )
        )
        subjects = (
            Subject("echo", bare, echo.ECHO, message),
            Subject("echo, long answer", bare, echo.ANSWER, message),
            Subject("validate", contract, METHOD, message),
        )
        caller = scope.enter_context(client(cores.client))
        series = tuple(
            one
            for concurrency in CALLERS
            for one in in_turns(
                caller, subjects, concurrency=concurrency, rounds=rounds, seconds=seconds
            )
        )
    return _report(series, cores, f"{asked.ByteSize()} bytes asked, {answer_bytes} answered")


def profile(*, seconds: float) -> str:
    """Where the service's own thread spends `seconds` of calls. Raises Broken."""
    return hot_spots(CONTRACT, METHOD, request().SerializeToString(), seconds=seconds)


def _answer_bytes(contract: Server, asked: pb.ValidateTaskRequest) -> int:
    """How long the answer is. Raises Broken when the task is not even valid."""
    with grpc.insecure_channel(contract.address) as channel:
        answer = rpc.ContractServiceStub(channel).ValidateTask(
            asked, timeout=10, wait_for_ready=True
        )
    if not answer.HasField("plan"):
        raise Broken(f"{TASK.name} gets no plan")
    return int(answer.ByteSize())


def _report(series: tuple[Series, ...], cores: Cores, sizes: str) -> Report:
    notes = (f"{TASK.name}, {sizes}", cores.told())
    shown = Report("validate", notes, "echo", series, ())
    # With few callers the server waits for the client, and both are slow for that reason alone.
    full = shown.of("validate", max(one.concurrency for one in series))
    by_clock, by_cpu = shown.share(full)
    rate = "calls/s"
    targets = (
        Target("ValidateTask by the clock", full.rate, CALLS_WANTED, rate),
        Target("ValidateTask by the server's cpu time", full.cpu_rate, CALLS_WANTED, rate),
        Target("share of the echo by the clock", by_clock, SHARE_WANTED, "share"),
        Target("share of the echo by the servers' cpu time", by_cpu, SHARE_WANTED, "share"),
    )
    return replace(shown, targets=targets)
