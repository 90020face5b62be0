"""A credential goes to the host it is for, and is not seen on the way."""

from pathlib import Path

import pytest

from services.orchestrator.source.credentials import Access, Credentials
from services.orchestrator.source.location import locate


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    token_file = tmp_path / "token"
    token_file.write_text(" s3cret \n")
    return Credentials(token_file=token_file, home=tmp_path, ssh_auth_sock="/run/agent")


def access(credentials: Credentials, repository: str) -> Access:
    return credentials.access(locate(repository, forge_url=credentials.forge_url, allow_local=True))


def test_the_forge_gets_the_token(credentials: Credentials) -> None:
    given = access(credentials, "owner/repo")

    assert list(given.configuration) == ["http.https://github.com/.extraHeader"]
    assert "s3cret" in given.secrets
    assert "s3cret" not in repr(given)


@pytest.mark.parametrize(
    "repository",
    [
        "https://github.com.example.org/a/b",
        "https://github.com:8443/a/b",
        "http://github.com/a/b",
        "https://example.org/github.com",
        "/srv/github.com",
    ],
)
def test_nobody_else_gets_the_token(credentials: Credentials, repository: str) -> None:
    assert access(credentials, repository) == Access()


def test_ssh_gets_the_operators_home_and_never_a_prompt(credentials: Credentials) -> None:
    given = access(credentials, "git@github.com:owner/repo.git")

    assert given.environment["HOME"] == str(credentials.home)
    assert given.environment["SSH_AUTH_SOCK"] == "/run/agent"
    assert "BatchMode=yes" in given.environment["GIT_SSH_COMMAND"]
    assert given.secrets == ()


def test_what_must_not_be_published_is_known_whatever_the_repository(
    credentials: Credentials,
) -> None:
    assert "s3cret" in credentials.known()
    assert Credentials().known() == ()


def test_a_rotated_token_is_read_anew(credentials: Credentials, tmp_path: Path) -> None:
    access(credentials, "owner/repo")
    (tmp_path / "token").write_text("another")

    assert "another" in access(credentials, "owner/repo").secrets
