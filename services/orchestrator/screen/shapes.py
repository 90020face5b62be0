"""The shapes of secrets that tell what they are by themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FEW = 10
"""Different characters; a random token has more, `xxxx` and `0000` have fewer."""
INVENTED = (b"example", b"xxxx", b"placeholder", b"1234567890", b"abcdefgh", b"your_", b"your-")
"""What published examples hold, in lower case."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret; the pattern is linear and matches at most 512 bytes."""

    name: str
    sign: bytes
    """Stands in every match: a search for it is far cheaper than the pattern."""
    pattern: re.Pattern[bytes]


def _token(name: str, sign: bytes, body: bytes) -> Shape:
    # A line's end that is written as an escape ends in a letter, and begins no word.
    before, after = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))", rb"(?![A-Za-z0-9_-])"
    return Shape(name, sign, re.compile(before + rb"(?:" + body + rb")" + after))


SHAPES: Sequence[Shape] = (
    *(
        _token("github-token", b"gh" + kind + b"_", b"gh" + kind + rb"_[A-Za-z0-9]{36}")
        for kind in (b"p", b"o", b"u", b"s", b"r")
    ),
    # What GitHub makes for apps since 2026: a JWT behind the app's number, some 520 signs.
    _token(
        "github-token",
        b"ghs_",
        rb"ghs_[0-9]{1,12}_eyJ[A-Za-z0-9_-]{8,120}\.eyJ[A-Za-z0-9_-]{16,360}",
    ),
    _token("github-fine-token", b"github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    *(
        # An id alone opens nothing, and many files name one; the key is what must not leave.
        _token(
            "aws-key",
            kind,
            kind + rb"[A-Z2-7]{16}(?![A-Za-z0-9])[\s\S]{1,100}?"
            rb"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![/+=])",
        )
        for kind in (b"AKIA", b"ASIA")
    ),
    _token("gitlab-token", b"glpat-", rb"glpat-[A-Za-z0-9_-]{20}"),
    _token("google-key", b"AIza", rb"AIza[A-Za-z0-9_-]{35}"),
    _token("slack-token", b"xox", rb"xox[abprs]-[0-9]{10,13}-[A-Za-z0-9-]{20,72}"),
    _token("stripe-key", b"k_live_", rb"[sr]k_live_[A-Za-z0-9]{24,99}"),
    _token(
        "openai-key",
        b"T3BlbkFJ",
        rb"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,74}T3BlbkFJ[A-Za-z0-9_-]{20,74}",
    ),
    _token("anthropic-key", b"sk-ant-", rb"sk-ant-[a-z]{2,8}[0-9]{2}-[A-Za-z0-9_-]{80,110}"),
    _token("npm-token", b"npm_", rb"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", b"pypi-AgE", rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}"),
    Shape(
        "private-key",
        b"PRIVATE KEY-----",
        re.compile(
            rb"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----"
            rb"(?:\\n|\s){1,4}+[A-Za-z0-9+/=]{40,76}"
        ),
    ),
)

NAMES = frozenset(shape.name for shape in SHAPES)


def invented(match: bytes) -> bool:
    """Whether it is an example for readers rather than a secret."""
    lowered = match.lower()
    return len(set(match[-40:])) < FEW or any(word in lowered for word in INVENTED)
