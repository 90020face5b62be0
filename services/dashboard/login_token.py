"""What people log in with: the operator's token, or one made at the first start and kept."""

import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn

from services.dashboard.settings import Settings

SHORTEST = 24
"""Characters of a token that nobody guesses by trying."""


def login_token(settings: Settings) -> str:
    """The token. Ends the process with a sentence where there is none."""
    if settings.dashboard_token_file is not None:
        return _read(settings.dashboard_token_file, "PAWL_DASHBOARD_TOKEN_FILE")
    if settings.data_dir is None:
        _leave(
            "there is nothing to log in with: name a file with a token in "
            "PAWL_DASHBOARD_TOKEN_FILE, or in PAWL_DATA_DIR a folder to keep one in"
        )
    file = settings.data_dir / "token"
    try:
        _made(file)
    except OSError as problem:
        _leave(f"PAWL_DATA_DIR ({settings.data_dir}) cannot be written to: {problem.strerror}")
    return _read(file, "PAWL_DATA_DIR")


def _made(file: Path) -> None:
    """Makes the file where it is missing; several that start at once end with the same one."""
    if file.exists():
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("x", encoding="ascii") as writing:
            draft.chmod(0o600)
            writing.write(f"{secrets.token_urlsafe(SHORTEST)}\n")
            writing.flush()
            # Else a power cut may leave the file without its words, which nobody mends.
            os.fsync(writing.fileno())
        # Other than a rename, this never takes the place of what another has made meanwhile.
        file.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _read(file: Path, setting: str) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if len(token) < SHORTEST:
        _leave(f"{setting}: {file} has to hold a token of at least {SHORTEST} characters")
    return token


def _leave(sentence: str) -> NoReturn:
    sys.stderr.write(f"pawl: {sentence}\n")
    raise SystemExit(78)
