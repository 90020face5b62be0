"""The contract put together."""

import grpc

from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.server import serving, terminated
from services.contract.servicer import ContractServicer
from services.contract.settings import Settings

SERVICES = ("pawl.v1.ContractService",)


async def main(settings: Settings) -> None:
    """Serves until the process is asked to leave."""
    servicer = ContractServicer(settings.deployment())

    def register(server: grpc.aio.Server) -> None:
        rpc.add_ContractServiceServicer_to_server(servicer, server)

    async with serving(
        register,
        services=SERVICES,
        listen=settings.listen,
        address_file=settings.address_file,
    ):
        await terminated(with_parent=settings.leave_with_parent)
