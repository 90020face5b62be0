"""Logging in leads on to pages of ours alone."""

import httpx
import pytest
from playwright.async_api import async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route

from services.dashboard.assets import assets
from services.dashboard.guard import Guard
from services.dashboard.listening import bound, serving_pages
from services.dashboard.login import Login
from services.dashboard.origins import Origins
from services.dashboard.sessions import Sessions
from tests.support.browser import CHROMIUM, QUIET

TOKEN = "a token of a good length, made up"
ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
def browser() -> httpx.AsyncClient:
    login = Login(Sessions(TOKEN, encrypted=False))
    app = Starlette(routes=[Route("/login", login.enter, methods=["POST"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)


@pytest.mark.parametrize("wished", ["/tasks/queue", "/tasks/queue?state=FAILED", "/runners"])
async def test_the_token_leads_to_where_one_was_going(
    browser: httpx.AsyncClient, wished: str
) -> None:
    answer = await browser.post("/login", data={"token": f" {TOKEN}\n", "next": wished})

    assert (answer.status_code, answer.headers["location"]) == (303, wished)
    assert [name.startswith("pawl_session_") for name in answer.cookies] == [True]


@pytest.mark.parametrize(
    "wished",
    [
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        " //evil.example",
        "@evil.example",
    ],
)
async def test_nobody_is_led_elsewhere(browser: httpx.AsyncClient, wished: str) -> None:
    answer = await browser.post("/login", data={"token": TOKEN, "next": wished})

    assert (answer.status_code, answer.headers["location"]) == (303, "/tasks/queue")


async def test_who_logs_in_twice_goes_on_with_the_same_session() -> None:
    """The second login, in another tab, made a half-written form in the first one out of date."""
    sessions = Sessions(TOKEN, encrypted=False)
    pages = Starlette(routes=[Route("/login", Login(sessions).enter, methods=["POST"])])
    guarded = Guard(pages, origins=Origins.of([ORIGIN], ""), sessions=sessions)
    transport, words = httpx.ASGITransport(guarded), []
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN}
    ) as browser:
        for _ in range(2):
            answer = await browser.post("/login", data={"token": TOKEN})
            cookie = answer.headers["set-cookie"].partition(";")[0].encode()
            session = sessions.of(
                HTTPConnection({"type": "http", "headers": [(b"cookie", cookie)]})
            )
            words.append(session and session.csrf)

    assert words[0]
    assert words[0] == words[1]


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.timeout(60)
async def test_who_mistypes_the_token_is_told_so_and_may_type_at_once() -> None:
    sessions = Sessions(TOKEN, encrypted=False)
    login = Login(sessions)
    async with bound("127.0.0.1:0") as (listening, address):
        pages = Starlette(
            routes=[
                Route("/login", login.form, methods=["GET"]),
                Route("/login", login.enter, methods=["POST"]),
                assets(),
            ]
        )
        guarded = Guard(pages, origins=Origins.of((), address), sessions=sessions)
        async with (
            serving_pages(guarded, listening, address, address_file=None),
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = await browser.new_page()
            await page.goto(f"http://{address}/login")
            await page.get_by_label("Token").fill(f"{TOKEN}x")
            await page.get_by_role("button", name="Log in").click()

            await expect(page.get_by_role("alert")).to_have_text("This is not the token.")
            await expect(page.get_by_label("Token")).to_be_focused()
            await browser.close()


@pytest.mark.parametrize("given", ["", "x", TOKEN[:-1], f"{TOKEN}x", "\u00e9" * 40, "x" * 100_000])
async def test_anything_else_than_the_token_is_refused(
    browser: httpx.AsyncClient, given: str
) -> None:
    answer = await browser.post("/login", data={"token": given})

    assert (answer.status_code, dict(answer.cookies)) == (403, {})
