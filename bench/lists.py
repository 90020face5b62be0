"""ListJobs and the dashboard's list with a hundred thousand jobs, by every filter."""

import http.client
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc

from bench.orchestrators import ORCHESTRATOR, SECONDS, filled, orchestrator, settings
from bench.processes import Broken, Cores, Server, server
from bench.profile import hot_spots
from bench.report import Target
from bench.waits import Call, Waits, waited
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc

JOBS = 100_000
PAGE_SIZE = 50
MILLIS_WANTED = 150
METHOD = "/pawl.v1.OrchestratorService/ListJobs"
BARE = "SELECT of the first page"
FIRST = "ListJobs, first page"
PAGE = "page, first"
FILTERS: dict[str, dict[str, str]] = {
    "state": {"state": "FAILED"},
    "state without jobs": {"state": "RUNNING"},
    "runtime": {"runtime": "claude"},
    "runtime without jobs": {"runtime": "gemini"},
    "repository": {"repository": "acme/repo-7"},
    "repository without jobs": {"repository": "acme/none"},
    "publish mode": {"publish": "none"},
    "skill": {"skill": "speckit"},
    "skill without jobs": {"skill": "nobody"},
    "label": {"label": "team=web"},
    "label without jobs": {"label": "team=nobody"},
    "text": {"text": "billing queue"},
    "text of failed jobs": {"text": "agent_exit"},
    "text that matches nothing": {"text": "nothing-like-this"},
    "text that matches nothing, and a label": {"text": "nothing-like-this", "label": "team=web"},
}
"""As the dashboard's page spells them."""


def run(*, rounds: int, seconds: float) -> Waits:
    """Fills a database, then calls. Raises Broken when a call fails."""
    cores = Cores.split()
    with ExitStack() as scope:
        folder = Path(scope.enter_context(tempfile.TemporaryDirectory(prefix="pawl-bench-")))
        file = filled(folder, cores, jobs=JOBS)
        asked = scope.enter_context(orchestrator("orchestrator", folder, cores))
        dashboard = scope.enter_context(_dashboard(folder, asked, cores))
        connected = scope.enter_context(grpc.insecure_channel(asked.address))
        stub = rpc.OrchestratorServiceStub(connected)
        deep = _deep(stub)
        browser = Browser(dashboard, _token(folder))
        reader = scope.enter_context(closing(sqlite3.connect(file)))
        calls = [Call(BARE, partial(_bare, reader), BARE), *_asked(stub, deep)]
        calls += _pages(browser, deep)
        try:
            waits = waited(calls, rounds=rounds, seconds=seconds)
        except (grpc.RpcError, http.client.HTTPException, OSError) as failed:
            raise Broken(f"a call failed: {failed!r}") from failed
        megabytes = file.stat().st_size / 1e6
    pages = [one for one in waits if one.name.startswith("page")]
    slowest = max(pages, key=lambda one: one.median)
    target = Target(
        f"the slowest {slowest.name}, p50", slowest.median, MILLIS_WANTED, "ms", at_most=True
    )
    notes = (f"{JOBS:,} jobs, {PAGE_SIZE} a page", f"{megabytes:,.0f} MB", cores.told())
    return Waits("lists", notes, waits, (target,))


def profile(*, seconds: float) -> str:
    """Where the orchestrator spends `seconds` of unfiltered first pages. Raises Broken."""
    with tempfile.TemporaryDirectory(prefix="pawl-bench-") as name:
        folder = Path(name)
        filled(folder, Cores.split(), jobs=JOBS)
        request = pb.ListJobsRequest(page_size=PAGE_SIZE).SerializeToString()
        return hot_spots(
            ORCHESTRATOR, METHOD, request, seconds=seconds, environment=settings(folder)
        )


class Browser:
    """Asks pages as a browser does that has logged in."""

    def __init__(self, dashboard: Server, token: str) -> None:
        self._connection = http.client.HTTPConnection(dashboard.address, timeout=SECONDS)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        origin = {"Origin": f"http://{dashboard.address}"}
        self._connection.request("POST", "/login", urlencode({"token": token}), form | origin)
        answer = self._connection.getresponse()
        answer.read()
        self._connection.close()
        cookie = answer.headers.get("Set-Cookie", "")
        if answer.status != http.client.SEE_OTHER or not cookie:
            raise Broken(f"the dashboard lets nobody in: {answer.status}")
        self._headers = {"Accept": "text/html", "Cookie": cookie.partition(";")[0]}

    def page(self, query: dict[str, str], **headers: str) -> None:
        """Reads the list. Raises Broken."""
        path = f"/tasks/queue?{urlencode(query)}"
        self._connection.request("GET", path, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        body = answer.read()
        # A connection that rests while others are measured would be closed by the dashboard.
        self._connection.close()
        if answer.status != http.client.OK or b'class="problem"' in body:
            raise Broken(f"{path} is answered with {answer.status}: {body[:500]!r}")


def _dashboard(folder: Path, orchestrator: Server, cores: Cores) -> Any:
    environment = {
        "PAWL_ORCHESTRATOR_TARGET": orchestrator.address,
        "PAWL_DASHBOARD_TOKEN_FILE": str(folder / "token"),
    }
    (folder / "token").write_text(secrets.token_urlsafe(32))
    (folder / "token").chmod(0o600)
    return server(
        "dashboard",
        "services.dashboard",
        cores=cores.server,
        folder=folder,
        environment=environment,
    )


def _token(folder: Path) -> str:
    return (folder / "token").read_text()


def _deep(stub: "rpc.OrchestratorServiceStub") -> str:
    """The token of a page in the middle of the list."""
    token = ""
    for _ in range(max(1, JOBS // 1000)):
        request = pb.ListJobsRequest(page_size=min(500, JOBS // 4), page_token=token)
        token = stub.ListJobs(request, timeout=SECONDS, wait_for_ready=True).next_page_token
    return token


def _bare(reader: sqlite3.Connection) -> None:
    reader.execute("SELECT * FROM job ORDER BY submit_order DESC LIMIT ?", (PAGE_SIZE,)).fetchall()


def _asked(stub: "rpc.OrchestratorServiceStub", deep: str) -> Iterator[Call]:
    def ask(**fields: Any) -> None:
        stub.ListJobs(pb.ListJobsRequest(page_size=PAGE_SIZE, **fields), timeout=SECONDS)

    yield Call(FIRST, ask, BARE)
    yield Call("ListJobs, deep page", partial(ask, page_token=deep), FIRST)
    for name, query in FILTERS.items():
        yield Call(f"ListJobs, {name}", partial(ask, **_fields(query)), FIRST)


def _fields(query: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {**query}
    if "publish" in fields:
        fields["publish_mode"] = fields.pop("publish")
    if "state" in fields:
        fields["states"] = [f"JOB_STATE_{fields.pop('state')}"]
    return fields


def _pages(browser: Browser, deep: str) -> Iterator[Call]:
    yield Call(PAGE, partial(browser.page, {}), FIRST)
    yield Call("page, its rows anew", partial(browser.page, {}, **{"X-Pawl-Piece": "1"}), PAGE)
    yield Call("page, deep", partial(browser.page, {"after": deep}), PAGE)
    for name, query in FILTERS.items():
        yield Call(f"page, {name}", partial(browser.page, query), PAGE)
