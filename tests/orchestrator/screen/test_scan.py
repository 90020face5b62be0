"""What the search for secrets finds, and what it leaves alone."""

import random
import string
import time
import uuid
from base64 import b64encode
from hashlib import sha512

import pytest

from services.orchestrator.screen.scan import KNOWN, OVERLAP, WINDOW, Rules, Scan
from services.orchestrator.source.token_file import MAX_TOKEN_BYTES

WORD = string.ascii_letters + string.digits
VALUE = "s3cr?t/" + 'Quo"te' + "+W0rd~9xy"


def _random(dice: random.Random, length: int) -> str:
    return "".join(dice.choices(WORD, k=length))


def _samples(dice: random.Random) -> dict[str, str]:
    """One made-up secret of each shape; put together here, so that none stands in a file."""
    return {
        **{"github-token/" + k: f"gh{k}_" + _random(dice, 36) for k in "pousr"},
        "github-token/app": "gh"
        + f"s_{dice.randrange(10**7)}_eyJ{_random(dice, 40)}.eyJ{_random(dice, 160)}."
        + _random(dice, 300),
        "github-fine-token": "github_" + "pat_" + _random(dice, 22) + "_" + _random(dice, 59),
        **{
            "aws-key/" + k: f"{k}IA"
            + "".join(dice.choices("ABCDEFGHIJKLMNOP234567", k=16))
            + " secret="
            + _random(dice, 40)
            for k in ("AK", "AS")
        },
        "gitlab-token": "gl" + "pat-" + _random(dice, 20),
        "google-key": "AI" + "za" + _random(dice, 35),
        "slack-token": "xo" + "xb-" + "73920184655" + "-" + _random(dice, 36),
        "stripe-key": "sk" + "_live_" + _random(dice, 24),
        "openai-key": "sk-" + _random(dice, 20) + "T3Blbk" + "FJ" + _random(dice, 20),
        "anthropic-key": "sk-" + "ant-api03-" + _random(dice, 93),
        "npm-token": "np" + "m_" + _random(dice, 36),
        "pypi-token": "pypi-" + "AgEIcHlwaS5vcmc" + _random(dice, 120),
        "private-key": "-----BEGIN RSA " + "PRIVATE KEY-----\n" + _random(dice, 64),
    }


def _found(content: bytes, known: tuple[str, ...] = (), piece: int = WINDOW) -> set[str]:
    scan = Scan(Rules(known))
    for start in range(0, len(content), piece):
        scan.feed(content[start : start + piece])
    return {found.rule for found in scan.end()}


@pytest.mark.parametrize("seed", range(16))
def test_every_shape_is_found_alone_of_its_rule(seed: int) -> None:
    for name, sample in _samples(random.Random(seed)).items():
        assert _found(f"key = '{sample}'\n".encode()) == {name.split("/")[0]}, name


def test_a_token_after_an_escaped_end_of_line_is_found() -> None:
    token = _samples(random.Random(5))["npm-token"]
    assert _found(f'"first\\n{token}\\n"'.encode()) == {"npm-token"}


@pytest.mark.parametrize("before", range(3))
def test_a_known_value_is_found_in_base64_wherever_it_begins(before: int) -> None:
    assert _found(b64encode(b"u" * before + VALUE.encode() + b"!?"), (VALUE,)) == {KNOWN}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00\x01" + VALUE.encode() + b"\x00",
        VALUE.encode("utf-16-le"),
        VALUE.encode().hex().encode(),
        f'a = "{VALUE[:9]}" + "{VALUE[9:]}"'.encode(),
        f"a = '{VALUE[:9]}' '{VALUE[9:]}'".encode(),
        f"a = {VALUE[:9]}\\\n    {VALUE[9:]}".encode(),
    ],
)
def test_a_known_value_is_found_however_it_is_written(content: bytes) -> None:
    assert _found(content, (VALUE,)) == {KNOWN}


def test_the_longest_token_of_a_file_is_found() -> None:
    value = "%" * MAX_TOKEN_BYTES
    assert _found(b"x" + value.encode().hex().encode(), (value,)) == {KNOWN}


@pytest.mark.parametrize("offset", range(-40, 41, 8))
def test_a_secret_across_pieces_is_found(offset: int) -> None:
    token = _samples(random.Random(5))["npm-token"].encode()
    content = b" " * (WINDOW + offset) + token + b" " * (2 * OVERLAP)
    assert _found(content) == {"npm-token"}
    assert _found(b" " * 90 + token + b" ", piece=7) == {"npm-token"}


def test_a_longer_word_cut_at_a_piece_is_no_secret() -> None:
    token = _samples(random.Random(5))["npm-token"].encode()
    content = b" " * (WINDOW - len(token)) + token + b"more" + b" " * OVERLAP
    assert _found(content) == set()


def test_innocent_files_hold_no_secret() -> None:
    dice = random.Random(7)
    for _ in range(100):
        digest = sha512(dice.randbytes(32))
        text = f'"integrity": "sha512-{b64encode(digest.digest()).decode()}" {digest.hexdigest()} '
        text += f"{uuid.UUID(int=dice.getrandbits(128))} ghp_{'x' * 36} npm_{'0' * 36}"
        text += "-----BEGIN CERTIFICATE-----\n" + _random(dice, 64)
        text += "\n-----BEGIN PRIVATE KEY-----\n...\n"
        assert _found(text.encode()) == set()


def test_time_grows_with_the_size_alone() -> None:
    """Signs without end must not make a pattern try again and again."""
    for unit in (
        b"' ' + ",
        b"sk-T3BlbkFJ",
        b"ghp_aaaa",
        b"ghs_1_eyJaaaaaaaa.",
        b"AKIA" + b"A" * 16 + b" ",
        b"-----BEGIN PRIVATE KEY-----\n",
    ):
        taken = []
        for size in (1, 4):
            content = unit * (size * 150_000 // len(unit))
            start = time.process_time()
            _found(content)
            taken.append(time.process_time() - start)
        assert taken[1] < 12 * taken[0] + 0.5, unit
