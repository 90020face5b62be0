"""The private key of a GitHub App, and what is signed with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MAX_BYTES = 8 * 1024
LEAST_BITS = 2048
"""As GitHub makes them; anything shorter is some other key."""
BEFORE = timedelta(seconds=60)
"""How far in the past a signature begins, since the forge refuses those of the future."""
VALID = timedelta(minutes=4)
"""From now; far less than the forge's ten, for a clock that is fast."""


class KeyUnreadable(Exception):
    """The file holds no key that signs for an app. The text says why, and nothing of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKey:
    """Signs for one app; the file is read at each use, so that the key can be replaced."""

    app_id: str
    """Its number or its client id: the forge takes both."""
    path: Path
    now: Callable[[], datetime] = field(repr=False)

    def text(self) -> str:
        """The file as it is, without what surrounds it. Raises KeyUnreadable."""
        why = "it is not PEM"
        try:
            with self.path.open("rb") as file:
                read = file.read(MAX_BYTES + 1)
            if len(read) <= MAX_BYTES:
                return read.decode("ascii").strip()
            why = f"it is larger than {MAX_BYTES} bytes"
        except OSError as error:
            why = error.strerror or "it cannot be read"
        except UnicodeDecodeError:
            pass
        raise KeyUnreadable(why)

    def signed(self) -> str:
        """What proves for a few minutes that its bearer is the app. Raises KeyUnreadable."""
        key, now = self._key(), self.now()
        claims = {"iss": self.app_id, "iat": now - BEFORE, "exp": now + VALID}
        return jwt.encode(claims, key, algorithm="RS256")

    def _key(self) -> RSAPrivateKey:
        text = self.text()
        try:
            key = load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None  # What was raised may quote the file.
        if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
            raise KeyUnreadable(
                f"it holds no private RSA key of {LEAST_BITS} bits or more without a passphrase"
            )
        return key
