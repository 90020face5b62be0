"""The dashboard has something to log in with, or does not start."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from services.dashboard.login_link import login_link
from services.dashboard.login_token import SHORTEST, login_token
from services.dashboard.settings import Settings

Told = Callable[..., Settings]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Settings as the environment tells them."""

    def set_(**values: str | Path) -> Settings:
        for name in ("DATA_DIR", "DASHBOARD_TOKEN_FILE", "DASHBOARD_ORIGINS", "LISTEN"):
            monkeypatch.delenv(f"PAWL_{name}", raising=False)
        for name, value in values.items():
            monkeypatch.setenv(f"PAWL_{name.upper()}", str(value))
        return Settings()

    return set_


def test_a_token_is_made_at_the_first_start_and_kept(told: Told, tmp_path: Path) -> None:
    settings = told(data_dir=tmp_path / "dashboard")

    first = login_token(settings)

    assert len(first) >= SHORTEST
    assert login_token(settings) == first
    [file] = (tmp_path / "dashboard").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("token", 0o600)


def test_two_places_have_two_tokens(told: Told, tmp_path: Path) -> None:
    assert login_token(told(data_dir=tmp_path / "a")) != login_token(told(data_dir=tmp_path / "b"))


def test_the_operators_file_beats_the_one_that_is_kept(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("an operator's token, long enough\n")

    token = login_token(told(data_dir=tmp_path / "none", dashboard_token_file=file))

    assert token == "an operator's token, long enough"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("held", [None, b"", b"short", b"\xff" * 40])
def test_a_file_without_a_token_is_named_and_left_alone(
    told: Told, tmp_path: Path, held: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token made in its place would lock out who believes to have set one."""
    file = tmp_path / "mine"
    if held is not None:
        file.write_bytes(held)

    with pytest.raises(SystemExit) as left:
        login_token(told(data_dir=tmp_path, dashboard_token_file=file))

    assert left.value.code == 78
    assert f"PAWL_DASHBOARD_TOKEN_FILE: {file} has to hold" in capsys.readouterr().err
    assert file.exists() == (held is not None)


@pytest.mark.parametrize("place", [None, "a file"])
def test_without_a_place_for_a_token_the_start_says_what_to_set(
    told: Told, tmp_path: Path, place: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").touch()

    with pytest.raises(SystemExit) as left:
        login_token(told(**({"data_dir": tmp_path / place} if place else {})))

    assert left.value.code == 78
    assert "PAWL_DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("origins", "front"),
    [
        ("", "http://127.0.0.1:8080"),
        ("https://pawl.example.org,http://localhost:8080", "https://pawl.example.org"),
    ],
)
def test_the_link_leads_to_where_browsers_find_it(
    told: Told, tmp_path: Path, origins: str, front: str
) -> None:
    settings = told(data_dir=tmp_path, dashboard_origins=origins)

    assert login_link(settings) == f"{front}/login#{login_token(settings)}"


def test_a_link_holds_whatever_token_an_operator_has_chosen(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("100 % of it, #\u00fc and &\u20ac, too\n")

    link = login_link(told(dashboard_token_file=file))

    assert link.isascii()
    assert " " not in link
    assert unquote(link.partition("#")[2]) == file.read_text().strip()
