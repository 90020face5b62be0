"""Structured logs: one JSON object a line on standard error."""

import contextlib
import logging
import sys
from collections.abc import Iterator

import structlog

LEVELS = ("debug", "info", "warning", "error")


def configure(service: str, level: str = "info") -> None:
    """Sends every log of this process, libraries' included, to standard error as JSON.

    Each line has `time` (UTC, ISO 8601), `level`, `event`, `service` and whatever
    `about` has bound, such as the job, attempt, step and run it speaks of.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _named(service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These tell of every statement and every reconnect at their info level.
    for chatty in ("aiosqlite", "sqlalchemy", "alembic", "asyncio", "grpc"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


@contextlib.contextmanager
def about(**ids: object) -> Iterator[None]:
    """Binds ids such as ``job_id`` and ``run_id`` to every line logged inside the block."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def _named(service: str) -> structlog.typing.Processor:
    def add(
        _logger: object, _method: str, entry: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        entry["service"] = service
        return entry

    return add
