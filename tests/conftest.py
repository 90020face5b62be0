"""What holds for all tests: logs are plain, and no example is judged by how long it took."""

import os

import structlog
from hypothesis import HealthCheck, settings

# gRPC reads it once, as it is imported. Connections that one test leaves behind would otherwise
# be told of in the middle of what another one reads from standard error.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

# By the clock on the wall, which counts what others do meanwhile: an example that stood still for
# 0.2 s on a busy machine was a fault of its test. A test's own time limit is what bounds it.
settings.register_profile("pawl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pawl")

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ],
    logger_factory=structlog.PrintLoggerFactory(),
)
