"""That the contract starts as a process, says where it is, and leaves when told."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.channel import channel
from pawl.wire.probe import healthy

SERVICE = "pawl.v1.ContractService"

# It starts a process, which takes its time on a machine that is busy.
pytestmark = pytest.mark.timeout(40)


async def test_the_contract_serves_as_a_process_and_leaves_on_sigterm(tmp_path: Path) -> None:
    address_file = tmp_path / "address"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.contract",
        env={"PAWL_LISTEN": "127.0.0.1:0", "PAWL_ADDRESS_FILE": str(address_file)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while b'"event": "serving"' not in await process.stderr.readline():
                pass
        address = address_file.read_text()

        async with channel(address) as connected:
            stub = rpc.ContractServiceStub(connected)
            code = await stub.ValidateTask(pb.ValidateTaskRequest()).code()
        serving = await healthy(address, SERVICE, timeout=timedelta(seconds=10))
    finally:
        process.terminate()
        _, rest = await process.communicate()

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert serving
    assert process.returncode == 0, rest.decode()
