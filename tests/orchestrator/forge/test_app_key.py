"""What signs for an app, and what a file is told of that does not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from services.orchestrator.forge.app_key import MAX_BYTES, AppKey, KeyUnreadable
from tests.support.key_pair import curve_key, key_pair, locked_key

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def key_at(path: Path) -> AppKey:
    return AppKey(app_id="Iv1.app", path=path, now=lambda: NOW)


def test_the_signature_is_the_apps_and_counts_for_minutes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(key_pair().private)
    claims = jwt.decode(
        key_at(path).signed(),
        key_pair().public,
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == "Iv1.app"
    assert claims["iat"] == (NOW - timedelta(seconds=60)).timestamp()
    assert NOW.timestamp() < claims["exp"] < (NOW + timedelta(minutes=5)).timestamp()


def test_a_replaced_key_signs_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(key_pair().private)
    key = key_at(path)
    key.signed()
    path.write_text(key_pair("another").private)
    options = {"verify_exp": False, "verify_iat": False}
    jwt.decode(key.signed(), key_pair("another").public, algorithms=["RS256"], options=options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"", "no private RSA key"),
        (b"s3cret words", "no private RSA key"),
        (b"\xff\xfe", "it is not PEM"),
        (b"-" * (MAX_BYTES + 1), "larger than"),
        (key_pair().public.encode(), "no private RSA key"),
        (curve_key().encode(), "no private RSA key"),
        (locked_key().encode(), "without a passphrase"),
        (key_pair(bits=1024).private.encode(), "2048 bits"),
        (key_pair().private[:-200].encode(), "no private RSA key"),
    ],
    ids=[
        "missing", "empty", "words", "bytes", "huge", "public", "curve", "locked", "short", "cut",
    ],
)  # fmt: skip
def test_what_does_not_sign_is_told_of_without_a_word_of_it(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyUnreadable, match=why) as told:
        key_at(path).signed()
    assert told.value.__context__ is None
    assert "s3cret" not in str(told.value)


def test_the_key_is_in_no_text_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(key_pair().private)
    assert "PRIVATE" not in repr(key_at(path))
