"""How requests travel: to one host, by the operator's proxy, never packed, within the bound."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from services.orchestrator.forge.transport import (
    MAX_ANSWER,
    TooLarge,
    Transport,
    Unusable,
    _proxy,
)
from tests.support.http_serving import serving

API = httpx.URL("https://git.example.com/api/v3")


@contextmanager
def answering(body: bytes, headers: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer to everything, and the paths it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(f"{self.path} {self.headers.get('Accept-Encoding')}")
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(Handler) as url:
        yield url, paths


async def got(url: str, network: dict[str, str] | None = None, api: str = "") -> bytes:
    transport = Transport(api or url, network or {})
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=5) as client:
        return (await client.get(url)).content


async def test_an_answer_of_exactly_the_bound_is_read() -> None:
    with answering(b"x" * MAX_ANSWER, {}) as (url, _):
        assert len(await got(url)) == MAX_ANSWER


async def test_one_byte_more_is_not() -> None:
    with answering(b"x" * (MAX_ANSWER + 1), {}) as (url, _), pytest.raises(TooLarge):
        await got(url)


async def test_a_packed_answer_is_neither_asked_for_nor_unpacked() -> None:
    packed, named = gzip.compress(b"x" * 10**7), {"Content-Encoding": "gzip"}
    with answering(packed, named) as (url, paths), pytest.raises(Unusable, match="packed"):
        await got(url)
    assert paths == ["/ identity"]


async def test_another_host_is_never_asked() -> None:
    with answering(b"", {}) as (url, paths), pytest.raises(Unusable):
        await got(url, api="http://127.0.0.1:9")
    assert paths == []


async def test_requests_go_by_the_operators_proxy() -> None:
    with answering(b"by proxy", {}) as (proxy, paths):
        told = await got("http://git.example.com/x", {"http_proxy": proxy})
    assert (told, paths) == (b"by proxy", ["http://git.example.com/x identity"])


@pytest.mark.parametrize("spared", ["*", "git.example.com", "example.com", "a.org, .example.com"])
def test_no_proxy_spares_the_forge(spared: str) -> None:
    assert _proxy(API, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": spared}) is None


@pytest.mark.parametrize("spared", ["", ",", "ample.com", "git.example.com.evil.org"])
def test_no_proxy_spares_nothing_else(spared: str) -> None:
    chosen = _proxy(API, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": spared})
    assert chosen is not None
    assert str(chosen.url) == "http://proxy:3128"
