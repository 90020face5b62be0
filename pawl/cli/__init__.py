"""The `pawl` command: one file per command, each a client of the services."""

from pawl.cli.settings import quieten_grpc

# gRPC reads it when it is imported, which any module of this package may cause.
quieten_grpc()
