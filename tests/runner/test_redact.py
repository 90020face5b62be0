"""No secret goes out, whatever the pieces, and nothing else is touched."""

from base64 import b64encode, urlsafe_b64encode
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runner.redact import Redactor

SECRETS = (b"hunter2-hunter2", b"abcabcabc", b'q"uo\\te/d+secret?', b"bcabcabcd")
TEXTS = st.lists(
    st.sampled_from([*SECRETS, b"abc", b"hunter2-", b"hunter", b"plain\n", b"a", b"\x00\xff"]),
    max_size=12,
).map(b"".join)


def redacted(pieces: list[bytes]) -> bytes:
    redactor = Redactor(SECRETS)
    return b"".join(redactor.feed(piece) for piece in pieces) + redactor.end()


def expected(text: bytes) -> bytes:
    masked = bytearray(text)
    for secret in SECRETS:
        for start in range(len(text)):
            if text.startswith(secret, start):
                masked[start : start + len(secret)] = b"*" * len(secret)
    return bytes(masked)


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_the_same_bytes_are_masked_however_they_are_cut(text: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]

    out = redacted([text[a:b] for a, b in pairwise(edges)])

    assert out == expected(text)


@given(TEXTS, st.integers(0, 200))
def test_starting_anew_where_it_had_come_to_masks_the_same(text: bytes, cut: int) -> None:
    """A runner that dies forgets what was held back and reads it again from the capture."""
    out = Redactor(SECRETS).feed(text[:cut])

    assert out + redacted([text[len(out) :]]) == expected(text)


def test_ordinary_text_is_not_held_back() -> None:
    assert Redactor(SECRETS).feed(b"an ordinary line\n") == b"an ordinary line\n"


def test_what_may_become_a_secret_is_held_back() -> None:
    redactor = Redactor(SECRETS)

    assert redactor.feed(b"key: hunter2-h") == b"key: "
    assert redactor.feed(b"ouse") == b"hunter2-house"


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_base64_is_masked_at_each_alignment(before: str, encode: object) -> None:
    assert callable(encode)
    secret = b"sk-ant-0123456789abcdef\xff\xfe"

    out = Redactor([secret]).feed(encode(before.encode() + secret + b"tail-of-the-text"))

    assert b"*" * (len(secret) * 4 // 3 - 2) in out


@pytest.mark.parametrize(
    "spelled",
    [
        quote('q"uo\\te/d+secret?', safe=""),
        quote('q"uo\\te/d+secret?'),
        r"q\"uo\\te/d+secret?",
    ],
)
def test_other_spellings_are_masked(spelled: str) -> None:
    assert redacted([spelled.encode()]) == b"*" * len(spelled)


def test_a_short_secret_is_no_secret() -> None:
    assert Redactor([b"abc"]).feed(b"abc") == b"abc"


def test_an_endless_secret_is_masked_without_holding_it_all() -> None:
    redactor = Redactor([b"a" * 10])

    out = b"".join(redactor.feed(b"a" * 100) for _ in range(100))

    assert out == b"*" * len(out)
    assert len(out) > 9_000
