"""The contract put together."""

import grpc

from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.heap import collect_rarely, compact
from pawl.wire.server import PAYLOAD_LIMIT, serving, terminated
from services.contract.servicer import ContractServicer
from services.contract.settings import Settings

SERVICES = ("pawl.v1.ContractService",)

AT_ONCE = 1
"""Requests in memory: they are planned one after the other, and more of them took more
memory, up to 12 MB each, without being any faster."""


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave."""
    compact()
    collect_rarely()
    servicer = ContractServicer(settings.deployment())

    def register(server: grpc.aio.Server) -> None:
        rpc.add_ContractServiceServicer_to_server(servicer, server)

    async with serving(
        register,
        services=SERVICES,
        listen=settings.listen,
        largest=PAYLOAD_LIMIT,
        at_once=AT_ONCE,
        address_file=settings.address_file,
    ):
        await terminated(with_parent=settings.leave_with_parent)
