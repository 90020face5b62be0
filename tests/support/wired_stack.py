"""Runs the services as processes of their own, a proxy between orchestrator and runner.

with wired_stack(tmp_path, PAWL_RUN_LEASE_SECONDS="9") as (stack, proxy):
    job_id = stack.submit(task(remote, "do: numbers 100000"))
    proxy.cut_after(40_000)
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from pawl.v1 import orchestrator_pb2_grpc as rpc
from tests.support import SCRIPTED_AGENT
from tests.support.proxy import Proxy, proxy_to
from tests.support.stack import BIN, LEAVE_SECONDS, START_SECONDS, Stack, StackFailed

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def wired_stack(folder: Path, *, spare: bool = False, **env: str) -> Iterator[tuple[Stack, Proxy]]:
    """The services for the length of the block, their data in ``folder/data`` as of `pawl up`.

    With a `spare` there is another runner, of one slot, that no proxy stands before.
    """
    home, data = folder / "home", folder / "data"
    for path in (home, data / "services", data / "logs"):
        path.mkdir(parents=True, exist_ok=True)
    common = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PAWL_ALLOW_LOCAL_REPOSITORIES": "1",
        "PAWL_CODEX_BINARY": str(SCRIPTED_AGENT),
        "OPENAI_API_KEY": "made-up-key",
        **env,
    }
    with contextlib.ExitStack() as scope:
        runner, _ = scope.enter_context(_service("runner", data, common))
        contract, _ = scope.enter_context(_service("contract", data, common))
        proxy = scope.enter_context(proxy_to(runner))
        runners = [proxy.address]
        if spare:
            one_slot = common | {"PAWL_SLOTS": "1"}
            other, _ = scope.enter_context(_service("runner", data, one_slot, "spare"))
            runners.append(other)
        targets = {"PAWL_RUNNER_TARGETS": ",".join(runners), "PAWL_CONTRACT_TARGET": contract}
        orchestrator, process = scope.enter_context(
            _service("orchestrator", data, common | targets)
        )
        channel = scope.enter_context(grpc.insecure_channel(orchestrator))
        stack = Stack(
            target=orchestrator,
            contract_target=contract,
            runner_target=runner,
            dashboard="",  # there is none here
            environment=common | {"PAWL_TARGET": orchestrator, "PAWL_CONTRACT_TARGET": contract},
            data_dir=data,
            up=process,
            api=None,
            _stub=rpc.OrchestratorServiceStub(channel),
        )
        scope.callback(stack.settle)
        scope.callback(proxy.open_ways)
        yield stack, proxy


@contextlib.contextmanager
def _service(
    name: str, data: Path, environment: dict[str, str], called: str = ""
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    called = called or name
    address, log = data / f"{called}.address", data / "logs" / f"{called}.log"
    address.unlink(missing_ok=True)
    own = {
        "PAWL_LISTEN": "127.0.0.1:0",
        "PAWL_DATA_DIR": str(data / called),
        "PAWL_ADDRESS_FILE": str(address),
        "PAWL_LEAVE_WITH_PARENT": "1",
    }
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"services.{name}"],
            env=environment | own,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            text=True,
            start_new_session=True,
        )
    (data / "services" / f"{called}.pid").write_text(str(process.pid))
    with process:
        try:
            give_up = time.monotonic() + START_SECONDS
            while not address.exists():
                if process.poll() is not None or time.monotonic() > give_up:
                    raise StackFailed(f"{called} does not serve: {log.read_text()[-4000:]}")
                time.sleep(0.02)
            yield address.read_text(), process
        finally:
            process.terminate()
            try:
                process.wait(timeout=LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
