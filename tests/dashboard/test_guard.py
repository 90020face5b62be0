"""Whose requests are answered at all: hosts, origins, sessions, the session's word, sizes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from services.dashboard.guard import HEADERS, LARGEST_BODY, Guard
from services.dashboard.origins import Origins
from services.dashboard.sessions import Session, Sessions

HOST = "127.0.0.1:8080"
ORIGIN = f"http://{HOST}"
TOKEN = "a token of a good length, made up"
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:8080",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1:8081",
    "127.0.0.1:8080.evil.example",
    "127.0.0.1:8080@evil.example",
    "127.0.0.1:08080",
    "127.1:8080",
    "2130706433:8080",
    "0x7f.1:8080",
    "0.0.0.0:8080",
    "[::1]:8080",
    "[::ffff:127.0.0.1]:8080",
    "localhost",
    "localhost:8081",
    "localhost.:8080",
    "LOCALHOST:8080",
    "localhost:8080, evil.example",
    "evil.example\tlocalhost:8080",
    " localhost:8080",
    "",
)
FOREIGN_ORIGINS = (
    "null",
    "",
    "http://evil.example",
    "http://evil.example:8080",
    "https://127.0.0.1:8080",
    "http://127.0.0.1",
    "http://127.0.0.1:8081",
    "http://127.0.0.1:8080/",
    "http://127.0.0.1:8080.evil.example",
    "http://127.0.0.1:8080@evil.example",
    "http://user@127.0.0.1:8080",
    "HTTP://127.0.0.1:8080",
    "http://LOCALHOST:8080",
    "http://localhost:8080 http://evil.example",
    "http://[::1]:8080",
    "file://",
    "127.0.0.1:8080",
    "data:text/html,x",
    "chrome-extension://abcdefghijklmnop",
)
FOREIGN_SITES = ("cross-site", "same-site", "Same-Origin", "")


@dataclass
class Pages:
    """Counts what gets through to it, and reads every body."""

    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message.get("more_body", False)
        self.bodies.append(body)
        await PlainTextResponse("through")(scope, receive, send)


@dataclass
class House:
    """A guard before such pages, and a browser that has logged in."""

    pages: Pages
    guard: Guard
    sessions: Sessions
    cookie: str
    session: Session

    async def ask(
        self,
        method: str = "GET",
        path: str = "/tasks/queue",
        *,
        host: Iterable[str] = (HOST,),
        origin: Iterable[str] = (),
        cookie: str | None = None,
        word: str | None = None,
        body: Iterable[bytes] = (b"",),
        **headers: str,
    ) -> Response:
        """What is answered to one request, headers as given; logged in unless told otherwise."""
        given = [("host", one) for one in host] + [("origin", one) for one in origin]
        given.append(("cookie", self.cookie if cookie is None else cookie))
        given.append(("x-pawl-csrf", self.session.csrf if word is None else word))
        given += [(name.replace("_", "-"), value) for name, value in headers.items()]
        pieces = list(body)
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
        }
        told: list[Message] = []

        async def receive() -> Message:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            told.append(message)

        await self.guard(scope, receive, send)
        answer = Response(status_code=told[0]["status"] if told else 0)
        answer.raw_headers = list(told[0]["headers"]) if told else []
        answer.body = b"".join(message.get("body", b"") for message in told)
        return answer


@pytest.fixture
def house() -> House:
    sessions, pages = Sessions(TOKEN, encrypted=False), Pages()
    origins = Origins.of((), HOST)
    begun = Response()
    sessions.begin(begun)
    cookie = begun.headers["set-cookie"].partition(";")[0]
    return House(
        pages=pages,
        guard=Guard(pages, origins=origins, sessions=sessions),
        sessions=sessions,
        cookie=cookie,
        session=known(sessions, cookie),
    )


def known(sessions: Sessions, cookie: str) -> Session:
    session = of(sessions, cookie)
    assert session is not None
    return session


def of(sessions: Sessions, cookie: str) -> Session | None:
    return sessions.of(HTTPConnection({"type": "http", "headers": [(b"cookie", cookie.encode())]}))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
async def test_a_request_for_another_host_is_misdirected(
    house: House, method: str, host: str
) -> None:
    """Else a name that is led to this machine later has pages of its own that may read ours."""
    answer = await house.ask(method, host=[host], origin=[ORIGIN])

    assert (answer.status_code, house.pages.paths) == (421, [])


@pytest.mark.parametrize("hosts", [(), (HOST, HOST), (HOST, "evil.example")])
async def test_a_request_has_one_host(house: House, hosts: tuple[str, ...]) -> None:
    assert (await house.ask(host=hosts)).status_code == 421


@pytest.mark.parametrize("path", ["/healthz", "/login", "/static/look.css"])
async def test_what_is_open_is_so_to_our_own_hosts_alone(house: House, path: str) -> None:
    assert (await house.ask(path=path, cookie="")).status_code == 200
    assert (await house.ask(path=path, cookie="", host=["evil.example"])).status_code == 421


@pytest.mark.parametrize("host", [HOST, "localhost:8080"])
async def test_this_machines_names_are_ours(house: House, host: str) -> None:
    answer = await house.ask("POST", host=[host], origin=[f"http://{host}"])

    assert answer.status_code == 200


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
async def test_nothing_is_changed_for_another_origin(
    house: House, method: str, origin: str
) -> None:
    answer = await house.ask(method, "/api/jobs/x/cancel", origin=[origin])

    assert (answer.status_code, house.pages.paths) == (403, [])


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
async def test_nothing_is_streamed_to_another_origin(house: House, origin: str) -> None:
    answer = await house.ask(path="/api/jobs/x/stream", origin=[origin])

    assert (answer.status_code, house.pages.paths) == (403, [])


@pytest.mark.parametrize("method", CHANGING)
async def test_what_changes_something_says_where_it_comes_from(house: House, method: str) -> None:
    assert (await house.ask(method)).status_code == 403
    assert (await house.ask(method, origin=[ORIGIN, ORIGIN])).status_code == 403
    assert (await house.ask(method, origin=[ORIGIN])).status_code == 200


async def test_a_login_says_where_it_comes_from_too(house: House) -> None:
    """Else another page could log a browser in as somebody it chooses."""
    assert (await house.ask("POST", "/login", cookie="", word="")).status_code == 403
    foreign = await house.ask("POST", "/login", cookie="", word="", origin=["http://evil.example"])
    assert foreign.status_code == 403
    own = await house.ask("POST", "/login", cookie="", word="", origin=[ORIGIN])
    assert own.status_code == 200


@pytest.mark.parametrize("site", FOREIGN_SITES)
@pytest.mark.parametrize("mode", ["cors", "no-cors", "navigate"])
async def test_scripts_of_other_sites_read_nothing(house: House, site: str, mode: str) -> None:
    answer = await house.ask(path="/api/jobs/x", sec_fetch_site=site, sec_fetch_mode=mode)

    assert (answer.status_code, house.pages.paths) == (403, [])


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
async def test_no_page_is_embedded_elsewhere(house: House, mode: str) -> None:
    answer = await house.ask(sec_fetch_site="cross-site", sec_fetch_mode=mode)

    assert answer.status_code == 403


@pytest.mark.parametrize("asked", [{"host": ["p.example"]}, {"origin": ["https://p.example"]}])
async def test_who_forgot_to_name_an_address_is_told_what_names_it(
    house: House, asked: dict[str, Any]
) -> None:
    """Behind a proxy it said that this was not the dashboard, and nothing to do about it."""
    answer = await house.ask("POST", **asked)

    assert b"PAWL_DASHBOARD_ORIGINS" in answer.body


async def test_a_page_may_be_linked_to_from_anywhere(house: House) -> None:
    answer = await house.ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate")

    assert answer.status_code == 200


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize("word", ["", "x", "0" * 64, "\xff"])
async def test_what_changes_something_has_the_sessions_word(
    house: House, method: str, word: str
) -> None:
    answer = await house.ask(method, origin=[ORIGIN], word=word)

    assert (answer.status_code, house.pages.paths) == (403, [])


async def test_a_word_is_of_one_session(house: House) -> None:
    begun = Response()
    house.sessions.begin(begun)
    other = known(house.sessions, begun.headers["set-cookie"].partition(";")[0])

    assert other.csrf != house.session.csrf
    answer = await house.ask("POST", origin=[ORIGIN], word=other.csrf)
    assert answer.status_code == 403


def forged(cookie: str) -> list[str]:
    name, _, value = cookie.partition("=")
    answer = Response()
    Sessions("another token of a good length", encrypted=False).begin(answer)
    elsewhere = answer.headers["set-cookie"].partition(";")[0]
    return [
        "",
        f"{name}=",
        f"{name}=x",
        f"{name}={value[:-1]}",
        f"{name}={value}x",
        f"{name}=x{value}",
        f"other={value}",
        f"__Host-{name}={value}",
        elsewhere,
        f"{name}={elsewhere.partition('=')[2]}",
    ]


async def test_a_forged_session_is_nobodys(house: House) -> None:
    for cookie in forged(house.cookie):
        page = await house.ask(cookie=cookie, accept="text/html")
        script = await house.ask(path="/api/jobs/x", cookie=cookie, accept="application/json")
        change = await house.ask("POST", cookie=cookie, origin=[ORIGIN])
        assert (page.status_code, script.status_code, change.status_code) == (303, 401, 401)
        assert page.headers["location"].startswith("/login?next=/tasks/queue")
    assert house.pages.paths == []


async def test_a_session_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.dashboard.sessions.LONGEST_SECONDS", -1)

    assert (await house.ask(path="/api/jobs/x")).status_code == 401


@pytest.mark.parametrize("length", [str(LARGEST_BODY + 1), "9" * 30, "-1", "x", "1e9", "0x10", ""])
async def test_a_body_that_is_too_large_is_not_read(house: House, length: str) -> None:
    answer = await house.ask("POST", origin=[ORIGIN], content_length=length)

    assert (answer.status_code, house.pages.paths) == (413, [])


async def test_a_body_that_grows_beyond_what_is_taken_is_cut_off(house: House) -> None:
    """One that is sent in chunks announces no length."""
    pieces = [b"x" * 65_536] * (LARGEST_BODY // 65_536 + 2)

    answer = await house.ask("POST", origin=[ORIGIN], body=pieces)

    assert (answer.status_code, house.pages.bodies) == (0, [])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"path": "/healthz"},
        {"path": "/static/look.css"},
        {"host": ["evil.example"]},
        {"method": "POST"},
        {"cookie": "", "accept": "text/html"},
        {"path": "/api/jobs/x", "cookie": ""},
        {"method": "POST", "origin": [ORIGIN], "content_length": "x"},
    ],
)
async def test_every_answer_binds_the_browser(house: House, asked: dict[str, object]) -> None:
    answer = await house.ask(**asked)  # type: ignore[arg-type]

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in answer.headers


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_script_in_a_page() -> None:
    policy = dict(rule.split(" ", 1) for rule in HEADERS["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_the_cookie_is_for_our_own_requests_alone() -> None:
    plain, encrypted = Response(), Response()
    Sessions(TOKEN, encrypted=False).begin(plain)
    Sessions(TOKEN, encrypted=True).begin(encrypted)

    for cookie in (plain.headers["set-cookie"], encrypted.headers["set-cookie"]):
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    assert encrypted.headers["set-cookie"].startswith("__Host-pawl_session_")
    assert "Secure" in encrypted.headers["set-cookie"].split("; ")
    assert plain.headers["set-cookie"].startswith("pawl_session_")


def test_two_dashboards_of_one_machine_take_no_session_from_each_other() -> None:
    """Browsers keep one jar for all ports: to log in at one was to log out of the other."""
    one, other = (Sessions(f"{TOKEN} {number}", encrypted=False) for number in (1, 2))

    assert one.cookie != other.cookie
    assert one.cookie == Sessions(f"{TOKEN} 1", encrypted=False).cookie, "a restart logs nobody out"


@pytest.mark.parametrize(
    ("given", "address", "hosts"),
    [
        ((), "127.0.0.1:8080", {"127.0.0.1:8080", "localhost:8080"}),
        ((), "0.0.0.0:8080", {"127.0.0.1:8080", "localhost:8080"}),
        ((), "192.168.1.5:80", {"192.168.1.5"}),
        ((), "[::1]:8080", {"[::1]:8080"}),
        (("https://Pawl.example.org:443",), "0.0.0.0:8080", {"pawl.example.org"}),
        (("https://pawl.example.org",), "0.0.0.0:8080", {"pawl.example.org"}),
    ],
)
def test_where_the_dashboard_may_be_reached(
    given: tuple[str, ...], address: str, hosts: set[str]
) -> None:
    assert Origins.of(given, address).hosts == hosts
