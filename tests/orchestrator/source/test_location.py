"""Addresses are understood in a few forms, refused in all others."""

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.location import Location, locate, repository_key

FORGE = "https://github.com"


@pytest.mark.parametrize(
    ("repository", "url", "protocol"),
    [
        ("owner/repo", "https://github.com/owner/repo.git", "https"),
        ("owner/repo.git", "https://github.com/owner/repo.git", "https"),
        ("https://Example.org/a/b/", "https://example.org/a/b", "https"),
        ("https://example.org:443/a", "https://example.org/a", "https"),
        ("https://example.org:8443/a", "https://example.org:8443/a", "https"),
        ("ssh://git@example.org:2222/a.git", "ssh://git@example.org:2222/a.git", "ssh"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git", "ssh"),
    ],
)
def test_a_remote_address_has_one_spelling(repository: str, url: str, protocol: str) -> None:
    location = locate(repository, forge_url=FORGE, allow_local=False)

    assert (location.url, location.protocol) == (url, protocol)
    assert location.local is None


@pytest.mark.parametrize("repository", ["/srv/a.git", "file:///srv/a.git", "/srv/a.git/"])
def test_a_local_address_is_its_path_where_that_is_allowed(repository: str) -> None:
    location = locate(repository, forge_url=FORGE, allow_local=True)

    assert str(location.local) == location.url == "/srv/a.git"


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "repo",
        "-u/x",
        "owner/..",
        "owner/repo/more",
        "../x",
        "./x",
        "~/x",
        "/srv/a.git",
        "file:///srv/a.git",
        "file://host/a",
        "http://example.org/a",
        "git://example.org/a",
        "ftp://example.org/a",
        "ext::sh -c x",
        "ext::sh",
        "fd::17/x",
        "-oProxyCommand=x:y",
        "ssh://-oProxyCommand=x/a",
        "ssh://git@-x/a",
        "ssh://-x@host/a",
        "ssh://git:secret@example.org/a",
        "git@example.org:-x",
        "https://secret@example.org/a",
        "https://user:secret@example.org/a",
        "https://example.org",
        "https://example.org/",
        "https://example.org/../a",
        "https://example.org/a?secret=1",
        "https://example.org/a#b",
        "https://exa mple.org/a",
        "https://example.org/a\nb",
        "https://example.org/\u202ea",
        "https://example.org:x/a",
        "https:///a",
        "https://example.org\\@other.org/a",
        "https://[::1/a",
        "x" * 3000,
    ],
)
def test_any_other_address_is_denied_and_no_secret_is_echoed(repository: str) -> None:
    with pytest.raises(JobFailed) as caught:
        locate(repository, forge_url=FORGE, allow_local=False)

    assert caught.value.failure.reason is Reason.REPO_URL_DENIED
    assert "secret" not in str(caught.value.failure)


def test_dots_do_not_climb_in_a_local_path() -> None:
    with pytest.raises(JobFailed, match="REPO_URL_DENIED"):
        locate("/srv/../etc", forge_url=FORGE, allow_local=True)


def test_a_forge_of_plain_http_is_the_operators_choice() -> None:
    location = locate("owner/repo", forge_url="http://127.0.0.1:8000", allow_local=False)

    assert location == Location(
        url="http://127.0.0.1:8000/owner/repo.git", protocol="http", host="127.0.0.1", port=8000
    )


def test_a_repository_key_is_a_digest() -> None:
    assert repository_key("a") == (
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    )
