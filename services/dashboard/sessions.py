"""Who has logged in: signed cookies, nothing kept here."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

LONGEST_SECONDS = 12 * 3600
ID_BYTES = 18


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that has logged in."""

    session_id: str
    csrf: str
    """What its own pages send with everything that changes something."""


class Sessions:
    """Gives out and recognises sessions; a new token ends all of them.

    The cookie is signed with a key made of the token, so that a restart logs nobody out.
    """

    def __init__(self, token: str, *, encrypted: bool) -> None:
        self._token = token
        self._key = hashlib.sha256(b"pawl dashboard session\0" + token.encode()).digest()
        self._signer = URLSafeTimedSerializer(self._key, salt="session")
        self._encrypted = encrypted
        # Browsers keep one jar for all ports: each dashboard has a cookie of its own name.
        own = hashlib.sha256(b"pawl dashboard cookie\0" + token.encode()).hexdigest()[:8]
        name = f"pawl_session_{own}"
        self.cookie = f"__Host-{name}" if encrypted else name

    def admits(self, given: str) -> bool:
        """Whether `given` is the token; takes as long for any."""
        return hmac.compare_digest(given.encode(), self._token.encode())

    def begin(self, response: Response, *, going_on: Session | None = None) -> None:
        """Logs the browser in that gets `response`.

        A session that goes on keeps its word: pages that are open have it.
        """
        session_id = going_on.session_id if going_on else secrets.token_urlsafe(ID_BYTES)
        value = self._signer.dumps(session_id)
        assert isinstance(value, str)  # noqa: S101 - narrows the type
        response.set_cookie(
            self.cookie,
            value,
            max_age=LONGEST_SECONDS,
            path="/",
            secure=self._encrypted,
            httponly=True,
            samesite="strict",
        )

    def end(self, response: Response) -> None:
        """Logs it out."""
        response.delete_cookie(
            self.cookie, path="/", secure=self._encrypted, httponly=True, samesite="strict"
        )

    def of(self, connection: HTTPConnection) -> Session | None:
        """The session a request comes from; None for nobody's, a forged or an old one."""
        try:
            session_id = self._signer.loads(
                connection.cookies.get(self.cookie, ""), max_age=LONGEST_SECONDS
            )
        except BadSignature:
            return None
        csrf = hmac.new(self._key, b"csrf\0" + str(session_id).encode(), hashlib.sha256)
        return Session(str(session_id), csrf.hexdigest())
