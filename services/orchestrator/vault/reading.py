"""One field of one secret, read from Vault's store of keys and values (KV), version 1 or 2.

ReadingFailed
├── VaultAway      it may do later
└── VaultRefused   it will not until somebody changes something
"""

import io
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import hvac
import requests
import urllib3
from hvac import exceptions
from requests.adapters import HTTPAdapter
from typing_extensions import override

from services.orchestrator.source.proxies import proxy_for

T = TypeVar("T")

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
CERTIFICATES = ("SSL_CERT_FILE", "GIT_SSL_CAINFO")
LONGEST_SECONDS = 100 * 365 * 86400
KINDS = {"kv", "generic"}
"""Of mounts; what other engines answer with is a lease that somebody would have to give back."""


class ReadingFailed(Exception):
    """There is no value; the text is fit for people and holds none."""


class VaultAway(ReadingFailed):
    """Vault does not serve now."""


class VaultRefused(ReadingFailed):
    """Vault does not give this, or has it not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """How one Vault is reached; every call blocks for as long as the limits say at most."""

    address: str
    proxies: Mapping[str, str] = field(default_factory=dict)
    """By scheme."""
    trusted: str | bool = True
    """A file or folder of authorities' certificates; True for the usual ones."""
    answer_seconds: float = ANSWER_SECONDS

    @classmethod
    def at(cls, address: str, network: Mapping[str, str]) -> "Vault":
        """Reached as `network` says: the operator's proxies and authorities."""
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        proxy = proxy_for(parts.scheme, parts.hostname or "", port, network)
        usual = ssl.get_default_verify_paths()
        chosen = next((network[name] for name in CERTIFICATES if network.get(name)), None)
        return cls(
            address=address,
            proxies={parts.scheme: proxy.url} if proxy else {},
            trusted=chosen or usual.cafile or usual.capath or True,
        )

    def read(self, token: str, mount: str, path: str, name: str) -> str:
        """The value of field `name`. Raises ReadingFailed."""
        return self._asked(token, lambda client: self._read(client, mount, path, name))

    def look_at(self, token: str, mount: str) -> None:
        """Raises ReadingFailed for a mount that no secret can be read of."""
        self._asked(token, lambda client: self._version(client, mount))

    def life(self, token: str) -> "Life":
        """How long the token counts. Raises ReadingFailed."""
        return self._asked(token, _life)

    def _asked(self, token: str, ask: Callable[[Any], T]) -> T:
        # Raised outside of the handler: what hvac and requests raise holds the request, and the
        # request the token.
        problem: ReadingFailed
        try:
            with requests.Session() as session:
                return ask(self._client(session, token))
        except ReadingFailed as error:
            problem = error
        except exceptions.VaultError as error:
            problem = _meaning(error)
        except requests.exceptions.SSLError:
            problem = VaultAway("Vault cannot be reached: its certificate is not trusted")
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            problem = VaultAway("Vault does not answer in time")
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
            problem = VaultAway("Vault cannot be reached, or ended the connection early")
        raise problem.with_traceback(None)

    def _client(self, session: requests.Session, token: str) -> Any:
        session.trust_env = False  # else a .netrc adds a credential, and a variable a proxy
        session.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Bounded(self.answer_seconds))
        session.proxies = dict(self.proxies)
        session.verify = self.trusted
        return hvac.Client(
            url=self.address,
            token=token,
            verify=self.trusted,
            timeout=(CONNECT_SECONDS, self.answer_seconds),
            allow_redirects=False,
            session=session,
        )

    def _read(self, client: Any, mount: str, path: str, name: str) -> str:
        kv = client.secrets.kv
        if self._version(client, mount) == "2":
            told = kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
            values = _inner(_inner(told))
        else:
            values = _inner(kv.v1.read_secret(path, mount_point=mount))
        if name not in values:
            raise VaultRefused(f"the secret has no field {name}")
        value = values[name]
        if not isinstance(value, str):
            raise VaultRefused(f"the secret's field {name} is no text")
        return value

    def _version(self, client: Any, mount: str) -> str:
        """Asked as Vault's own command line does; the token needs no right of its own for it."""
        told = _inner(client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}"))
        if str(told.get("path", "")).strip("/") != mount:
            raise VaultRefused(f"Vault has no mount {mount}")
        if told.get("type") not in KINDS:
            raise VaultRefused(f"the mount {mount} is no store of keys and values")
        options = told.get("options")
        return str(options.get("version", "1")) if isinstance(options, dict) else "1"


@dataclass(frozen=True, slots=True)
class Life:
    """What is left of a token's."""

    left: timedelta | None
    """None for one that does not end."""
    renewable: bool


def _life(client: Any) -> Life:
    told = _inner(client.auth.token.lookup_self())
    seconds = told.get("ttl")
    if not isinstance(seconds, int) or seconds <= 0:
        return Life(None, renewable=False)
    left = timedelta(seconds=min(seconds, LONGEST_SECONDS))
    return Life(left, renewable=told.get("renewable") is True)


class _Bounded(HTTPAdapter):
    """Reads no endless answer, and none from elsewhere: the token goes to one address alone."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    @override
    def send(self, request: requests.PreparedRequest, *_: Any, **rest: Any) -> requests.Response:
        end = time.monotonic() + self._seconds
        answer = super().send(request, **{**rest, "stream": True})
        if 300 <= answer.status_code < 400:
            answer.close()
            raise VaultAway("Vault points elsewhere, where no token is sent; it may be a standby")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            answer.close()
            raise VaultAway("Vault's answer is packed, though that was not asked for")
        body = bytearray()
        try:
            while chunk := answer.raw.read1(CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise VaultAway(f"Vault's answer is larger than {MAX_ANSWER_BYTES} bytes")
                if time.monotonic() > end:
                    raise VaultAway("Vault does not answer in time")
        finally:
            answer.raw.close()
        answer.raw = io.BytesIO(body)
        return answer


def _inner(told: Any) -> dict[str, Any]:
    """The `data` of an answer, which hvac gives as it came where it is no JSON."""
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict):
        raise VaultAway("what answers at Vault's address is not Vault's API")
    return data


def _meaning(error: exceptions.VaultError) -> ReadingFailed:
    """By status alone: what Vault says besides may name more than the reader may know."""
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        return VaultRefused("Vault does not let the orchestrator's token read it")
    if isinstance(error, exceptions.InvalidPath):
        return VaultRefused("Vault has no such secret")
    if isinstance(error, exceptions.InvalidRequest):
        return VaultRefused("Vault does not take the request")
    if isinstance(error, exceptions.VaultDown):
        return VaultAway("Vault is sealed or in maintenance")
    if isinstance(error, exceptions.RateLimitExceeded):
        return VaultAway("Vault takes no more requests for now")
    return VaultAway("Vault has trouble of its own")
