"""Scripts and looks on their way to browsers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from services.dashboard.assets import assets
from services.dashboard.pages import HERE
from tests.dashboard.serving import serving
from tests.support.scripted_orchestrator import ScriptedOrchestrator

LOOK = "/static/look.css"


@asynccontextmanager
async def asking() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(
        ScriptedOrchestrator(), lambda _orchestrator, _streams: [assets()]
    ) as served:
        yield served.http


async def test_a_script_comes_compressed_and_whole() -> None:
    async with asking() as http:
        answer = await http.get(LOOK)

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (HERE / "static" / "look.css").read_bytes()


async def test_a_file_that_has_not_changed_is_not_sent_again() -> None:
    async with asking() as http:
        first = await http.get(LOOK)
        again = await http.get(LOOK, headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


async def test_nothing_beside_the_files_is_reached() -> None:
    async with asking() as http:
        answers = [
            await http.get(f"/static/{path}")
            for path in ("%2e%2e/app.py", "..%2fapp.py", "//etc/passwd", "nothing.js", "")
        ]

    assert {answer.status_code for answer in answers} == {404}
