"""That a whole payload works as it stands, sent by hand."""

import asyncio
import json
import sys
from pathlib import Path

from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.server import serving
from services.contract.app import SERVICES
from services.contract.servicer import ContractServicer
from services.contract.values import Deployment

WHOLE = Path(__file__).parent / "data" / "whole.json"
GRPCURL = Path(sys.executable).with_name("grpcurl")


async def test_a_whole_payload_is_planned_through_grpcurl() -> None:
    servicer = ContractServicer(Deployment())
    async with serving(
        lambda server: rpc.add_ContractServiceServicer_to_server(servicer, server),
        services=SERVICES,
        listen="127.0.0.1:0",
    ) as address:
        called = await asyncio.create_subprocess_exec(
            *(GRPCURL, "-plaintext", "-d", "@", address, "pawl.v1.ContractService/ValidateTask"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await called.communicate(WHOLE.read_bytes())

    assert called.returncode == 0
    assert "warnings" not in json.loads(answer)
    made = json.loads(answer)["plan"]
    given = json.loads(WHOLE.read_text())["payload"]
    # What was given is kept as it stands, but for a title and a skill that were not given.
    given["task"]["steps"][0]["skill"] = None
    given["task"]["steps"][1]["title"] = None
    given["task"]["steps"][1]["skill"]["requiredCapabilities"] = []
    assert made["task"] == given
    assert [step["id"] for step in made["steps"]] == ["inspect", "patch"]
