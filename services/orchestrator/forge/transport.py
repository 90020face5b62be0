"""How requests reach the forge: one host, bounded answers, no redirect followed."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import httpx
from typing_extensions import override

from services.orchestrator.source.location import DEFAULT_PORTS
from services.orchestrator.source.proxies import proxy_for

MAX_ANSWER = 1024 * 1024
CERTIFICATES = ("SSL_CERT_FILE", "GIT_SSL_CAINFO")


class Unusable(httpx.TransportError):
    """An answer that is not read: too large, packed, or pointing elsewhere."""


class TooLarge(Unusable):
    """An answer of more than MAX_ANSWER bytes."""


class Moved(Unusable):
    """What was asked for lies elsewhere now, for good."""


class Transport(httpx.AsyncBaseTransport):
    """Sends each request over a connection of its own.

    A job sends a handful, so nothing is lost by it; a kept connection that the forge closed
    meanwhile would look like a request that may have been carried out.
    """

    def __init__(self, api_url: str, network: Mapping[str, str]) -> None:
        self._origin = _origin(httpx.URL(api_url))
        self._trusted = _trusted(network)
        self._proxy = _proxy(httpx.URL(api_url), network)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if _origin(request.url) != self._origin:
            raise Unusable("the forge's token goes to the forge's API alone")
        # Packed answers grow without bound as they are unpacked, so none is asked for or taken.
        request.headers["Accept-Encoding"] = "identity"
        line = httpx.AsyncHTTPTransport(
            verify=self._trusted, proxy=self._proxy, trust_env=False, retries=0
        )
        async with AsyncExitStack() as unless_used:
            unless_used.push_async_callback(line.aclose)
            answer = await line.handle_async_request(request)
            answer.stream = _Bounded(_usable(answer), line)
            unless_used.pop_all()
        return answer


class _Bounded(httpx.AsyncByteStream):
    """An answer's bytes up to the bound; ends the connection with them."""

    def __init__(self, stream: httpx.AsyncByteStream, line: httpx.AsyncHTTPTransport) -> None:
        self._stream = stream
        self._line = line

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > MAX_ANSWER:
                raise TooLarge(f"its answer is larger than {MAX_ANSWER} bytes")
            yield chunk

    @override
    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            await self._line.aclose()


def _usable(answer: httpx.Response) -> httpx.AsyncByteStream:
    if answer.status_code in {301, 308}:
        raise Moved("it has moved, and no token is sent after it")
    if 300 <= answer.status_code < 400:
        raise Unusable("it points elsewhere, where no token is sent")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise Unusable("its answer is packed, though that was not asked for")
    if not isinstance(answer.stream, httpx.AsyncByteStream):
        raise TypeError("an asynchronous transport answers with an asynchronous stream")
    return answer.stream


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _trusted(network: Mapping[str, str]) -> ssl.SSLContext:
    chosen = next((network[name] for name in CERTIFICATES if network.get(name)), None)
    return ssl.create_default_context(cafile=chosen)


def _proxy(url: httpx.URL, network: Mapping[str, str]) -> httpx.Proxy | None:
    port = url.port or DEFAULT_PORTS[url.scheme]
    chosen = proxy_for(url.scheme, url.host, port, network)
    return httpx.Proxy(chosen.url) if chosen else None
