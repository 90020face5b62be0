"""Keys of apps that tests make up, once for a process: each takes a moment."""

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both halves as PEM, in the form in which GitHub hands the private one out."""

    private: str
    public: str


@cache
def key_pair(name: str = "", *, bits: int = 2048) -> KeyPair:
    """A pair of RSA keys; another for each name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode(), public.decode())


@cache
def locked_key() -> str:
    """A private RSA key behind a passphrase."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = BestAvailableEncryption(b"passphrase")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, form).decode()


@cache
def curve_key() -> str:
    """A private key of another kind than RSA."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
