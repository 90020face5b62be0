"""Masks known secrets in bytes that arrive in pieces."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from urllib.parse import quote_from_bytes

SHORTEST = 8
"""Bytes; masking what is shorter would tear holes into ordinary words."""

MASK = b"*"


class Redactor:
    """One stream's filter: every secret becomes as many asterisks, so that offsets stay true.

    Holds back the end of what it was fed while that may be the beginning of a secret, and nothing
    else. It never lets go of a part of a secret, so a filter that starts anew at the first byte
    held back masks the same bytes.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._longest = max(map(len, self._forms), default=0)
        self._beginnings = {form[0] for form in self._forms}
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Returns what may go out now: a prefix of all that was fed and not yet returned."""
        if not self._forms:
            return data
        raw = self._held + data
        found = self._matches(raw)
        cut = self._safe_end(raw, found)
        self._held = raw[cut:]
        return _masked(raw[:cut], found)

    def end(self) -> bytes:
        """Returns what was held back."""
        raw, self._held = self._held, b""
        return _masked(raw, self._matches(raw))

    def _matches(self, raw: bytes) -> list[tuple[int, int]]:
        """Returns where secrets lie, overlapping ones each for itself."""
        found = []
        for form in self._forms:
            start = raw.find(form)
            while start != -1:
                found.append((start, start + len(form)))
                start = raw.find(form, start + 1)
        return found

    def _safe_end(self, raw: bytes, found: list[tuple[int, int]]) -> int:
        """Returns how many bytes may go: not into a secret, nor into what may become one."""
        cut = len(raw)
        for start in range(max(0, len(raw) - self._longest + 1), len(raw)):
            if raw[start] not in self._beginnings:
                continue
            tail = raw[start:]
            if any(len(form) > len(tail) and form.startswith(tail) for form in self._forms):
                cut = start
                break
        while split := [start for start, end in found if start < cut < end]:
            cut = min(split)
        if len(raw) - cut > 4 * self._longest:
            # A secret that overlaps itself, repeated without end: mask all of it and go on.
            found.append((cut, len(raw)))
            return len(raw)
        return cut


def _masked(raw: bytes, found: Iterable[tuple[int, int]]) -> bytes:
    masked = bytearray(raw)
    for start, end in found:
        inside = min(end, len(masked)) - start
        if inside > 0:
            masked[start : start + inside] = MASK * inside
    return bytes(masked)


def _forms(secret: bytes) -> Iterable[bytes]:
    """Yields the secret as it is, and as JSON, URLs and base64 at any alignment spell it."""
    if len(secret) < SHORTEST:
        return
    yield secret
    yield json.dumps(secret.decode("utf-8", "replace"))[1:-1].encode()
    yield json.dumps(secret.decode("utf-8", "replace"), ensure_ascii=False)[1:-1].encode()
    yield quote_from_bytes(secret, safe="").encode()
    yield quote_from_bytes(secret).encode()
    for encode in (b64encode, urlsafe_b64encode):
        yield from _base64(secret, encode)


def _base64(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterable[bytes]:
    """Yields the characters that depend on the secret alone, for each place in a group of 3."""
    for before in range(3):
        text = encode(bytes(before) + secret)
        if (before + len(secret)) % 3:
            text = text.rstrip(b"=")[:-1]
        text = text[(0, 2, 3)[before] :]
        if len(text) >= SHORTEST:
            yield text
