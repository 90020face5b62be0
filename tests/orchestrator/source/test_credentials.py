"""A credential goes to the host it is for, and is not seen on the way."""

from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.credentials import Access, Credentials
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import NO_REFS, AuthRefs, Purpose
from services.orchestrator.source.location import locate
from services.orchestrator.source.token_file import TokenFile

FORGE = "https://github.com"


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    token_file = tmp_path / "token"
    token_file.write_text(" s3cret \n")
    keys = Keyring(file=TokenFile(path=token_file, url=FORGE, pauses=()))
    return Credentials(keys=keys, home=tmp_path, ssh_auth_sock="/run/agent")


async def access(
    credentials: Credentials,
    repository: str,
    refs: AuthRefs = NO_REFS,
    purpose: Purpose = Purpose.READ,
) -> Access:
    location = locate(repository, forge_url=FORGE, allow_local=True)
    return await credentials.access(location, refs, purpose)


async def test_the_forge_gets_the_token(credentials: Credentials) -> None:
    given = await access(credentials, "owner/repo")

    assert list(given.configuration) == ["http.https://github.com/.extraHeader"]
    assert "s3cret" in given.secrets
    assert "s3cret" not in repr(given)


@pytest.mark.parametrize(
    "repository",
    [
        "https://github.com.example.org/a/b",
        "https://github.com:8443/a/b",
        "http://localhost/a/b",
        "https://example.org/github.com",
        "/srv/github.com",
    ],
)
async def test_nobody_else_gets_the_token(credentials: Credentials, repository: str) -> None:
    assert await access(credentials, repository) == Access()


async def test_ssh_gets_the_operators_home_and_never_a_prompt(credentials: Credentials) -> None:
    given = await access(credentials, "git@github.com:owner/repo.git")

    assert given.environment["HOME"] == str(credentials.home)
    assert given.environment["SSH_AUTH_SOCK"] == "/run/agent"
    assert "BatchMode=yes" in given.environment["GIT_SSH_COMMAND"]
    assert given.secrets == ()


def test_what_must_not_be_published_is_known_whatever_the_repository(
    credentials: Credentials,
) -> None:
    """The token, and the form of it that goes over the wire."""
    assert credentials.known() == ["s3cret", "eC1hY2Nlc3MtdG9rZW46czNjcmV0"]
    assert Credentials().known() == []


async def test_a_rotated_token_is_read_anew(credentials: Credentials, tmp_path: Path) -> None:
    await access(credentials, "owner/repo")
    (tmp_path / "token").write_text("another")

    assert "another" in (await access(credentials, "owner/repo")).secrets


@pytest.mark.parametrize(
    ("purpose", "reason"),
    [(Purpose.READ, Reason.REPO_AUTH), (Purpose.PUBLISH, Reason.PUBLISH_AUTH)],
)
@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe"])
async def test_a_file_without_a_token_is_told_of_by_its_setting(
    credentials: Credentials, tmp_path: Path, purpose: Purpose, reason: Reason, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)

    with pytest.raises(JobFailed) as told:
        await access(credentials, "owner/repo", purpose=purpose)

    assert told.value.failure.reason is reason
    assert "PAWL_GITHUB_TOKEN_FILE" in told.value.failure.message


async def test_a_named_secret_is_never_stood_in_for_by_the_deployments_key(
    credentials: Credentials,
) -> None:
    """Whoever may not read the secret could reach with the deployment's token what it reaches."""
    refs = AuthRefs(repo="vault://kv/team#token")

    with pytest.raises(JobFailed) as told:
        await access(credentials, "owner/repo", refs, Purpose.PUBLISH)

    assert told.value.failure.reason is Reason.PUBLISH_AUTH
