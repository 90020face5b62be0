"""How a page is made: the one layout, what every template may use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pawl.cli.tables import duration, word
from pawl.client import Stage
from services.dashboard.sessions import Session
from services.dashboard.shown import visible

HERE = Path(__file__).resolve().parent
PLACES = (
    ("/tasks/queue", "Jobs"),
    ("/tasks/queue/new", "New task"),
    ("/runners", "Runners"),
    ("/queue", "Queue"),
)
"""What the navigation leads to."""

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """The page that `template` makes of `values`."""
    session = session_of(request)
    common = {
        "csrf": session.csrf if session else "",
        "here": request.url.path,
        "places": PLACES,
    }
    return HTMLResponse(rendered(template, {**values, **common}), status_code=status)


def session_of(request: Request) -> Session | None:
    """As the guard has found it."""
    session: Session | None = request.scope.get("state", {}).get("session")
    return session


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """A piece of a page, for an answer that holds more than it."""
    return _environment.get_template(template).render(**values)


def moment(time: Timestamp) -> datetime | None:
    """A time; None where it is not set."""
    return time.ToDatetime(tzinfo=UTC) if time.ByteSize() else None


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ago(time: datetime) -> str:
    return duration((datetime.now(UTC) - time).total_seconds())


def _lasted(length: Duration) -> str:
    return duration(length.ToTimedelta().total_seconds())


_environment.finalize = lambda value: visible(value) if type(value) is str else value
_environment.filters |= {"iso": _iso, "ago": _ago, "moment": moment, "duration": duration}
_environment.filters |= {"lasted": _lasted}
_environment.globals |= {"word": word, "stages": Stage}
