"""Which addresses of repositories are taken, without asking any network."""

import pytest

from services.contract.plan import plan
from services.contract.repository import Denied, canonical
from services.contract.values import Deployment
from tests.contract.payloads import DEPLOYMENT, LOCAL, faults, payload, planned, said


@pytest.mark.parametrize(
    ("given", "spelling"),
    [
        ("owner/repo", "owner/repo"),
        ("owner/.github", "owner/.github"),
        ("https://github.com/owner/repo", "https://github.com/owner/repo"),
        ("HTTPS://GitHub.COM/Owner/Repo.git/", "https://github.com/Owner/Repo.git"),
        ("https://git.example.com:8443/a/b/c", "https://git.example.com:8443/a/b/c"),
        ("https://dev.azure.com/o/My%20Team/_git/r", "https://dev.azure.com/o/My%20Team/_git/r"),
        ("ssh://git@example.com/a/b.git", "ssh://git@example.com/a/b.git"),
        ("ssh://git@example.com:2222/~a/b", "ssh://git@example.com:2222/~a/b"),
        ("ssh://example.com/a", "ssh://example.com/a"),
        ("git@GitHub.com:owner/repo.git", "git@github.com:owner/repo.git"),
        ("git@example.com:~/repo", "git@example.com:~/repo"),
        ("https://140.82.112.3/a/b", "https://140.82.112.3/a/b"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a"),
    ],
)
def test_an_address_gets_its_one_spelling(given: str, spelling: str) -> None:
    assert canonical(given, DEPLOYMENT) == spelling
    assert canonical(spelling, DEPLOYMENT) == spelling


@pytest.mark.parametrize(
    "address",
    [
        "repo",
        "owner/",
        "owner/..",
        "owner/repo/more",
        "./repo",
        "../repo",
        "-owner/repo",
        "--upload-pack=touch x",
        "ext::sh -c id",
        "EXT::sh -c id",
        "fd::3",
        "git::x",
        "file:///srv/x",
        "/srv/x",
        "~/x",
        "C:\\repo",
        "http://example.com/a",
        "git://example.com/a",
        "ftp://example.com/a",
        "javascript://example.com/a",
        "https://",
        "https://example.com",
        "https://example.com/",
        "https:///a",
        "https://example.com/a?token=x",
        "https://example.com/a#b",
        "https://example.com/a/../b",
        "https://example.com/%2e%2e/b",
        "https://example.com/a%0ab",
        "https://example.com/a b",
        "https://exa mple.com/a",
        "https://example.com\\@evil.example/a",
        "https://exämple.com/a",
        "https://example.com:0/a",
        "https://example.com:99999/a",
        "https://example.com:x/a",
        "https://-oProxyCommand=id/a",
        "ssh://-oProxyCommand=id/a",
        "ssh://git@-oProxyCommand=id/a",
        "ssh://-x@example.com/a",
        "-oProxyCommand=id@example.com:a",
        "git@-oProxyCommand=id:a",
        "git@example.com:-x",
        "git@example.com:",
        "git@example.com:a/../../b",
        "@example.com:a",
        "example.com:a",
        "https://localhost/a",
        "https://LOCALHOST/a",
        "https://x.localhost/a",
        "https://printer.local/a",
        "https://metadata.google.internal/a",
        "https://gitserver/a",
        "https://127.0.0.1/a",
        "https://127.1/a",
        "https://0x7f.1/a",
        "https://0x7f000001/a",
        "https://2130706433/a",
        "https://0177.0.0.1/a",
        "https://0.0.0.0/a",
        "https://10.1.2.3/a",
        "https://172.16.0.1/a",
        "https://192.168.0.1/a",
        "https://169.254.169.254/a",
        "https://100.64.0.1/a",
        "https://[::1]/a",
        "https://[::]/a",
        "https://[fe80::1]/a",
        "https://[fe80::1%25eth0]/a",
        "https://[fd00::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://[::ffff:169.254.169.254]/a",
        "https://[64:ff9b::7f00:1]/a",
        "https://[2002:7f00:1::]/a",
        "https://[zz]/a",
        "https://127.0.0.1.in-addr.arpa/a",
        "https://example.com./a",
        "ssh://git@10.0.0.1/a",
        "git@10.0.0.1:a",
        "git@localhost:a",
    ],
)
def test_a_dangerous_address_is_denied(address: str) -> None:
    assert faults(payload(repository=address)) == [("repository", "REPO_URL_DENIED")]


@pytest.mark.parametrize(
    "address",
    [
        "https://user:hunter2@example.com/a",
        "https://hunter2@example.com/a",
        "https://:hunter2@example.com/a",
        "https://user:hunter2%40@example.com/a",
        "https://a@b:hunter2@example.com/a",
        "ssh://git:hunter2@example.com/a",
        "https://example.com/a?password=hunter2",
        "http://user:hunter2@localhost/a",
        "user:hunter2@example.com:a",
    ],
)
@pytest.mark.parametrize("deployment", [DEPLOYMENT, LOCAL])
def test_a_credential_is_refused_and_never_echoed(address: str, deployment: Deployment) -> None:
    answer = plan(payload(repository=address), deployment)

    assert [v.reason for v in answer.violations] == ["REPO_URL_DENIED"]
    assert "hunter2" not in said(answer)


@pytest.mark.parametrize(
    ("given", "spelling"),
    [
        ("/srv/git/repo.git/", "/srv/git/repo.git"),
        ("file:///srv/git/repo.git", "file:///srv/git/repo.git"),
        ("http://127.0.0.1:3000/a/b", "http://127.0.0.1:3000/a/b"),
        ("http://localhost/a", "http://localhost/a"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("https://10.0.0.1/a", "https://10.0.0.1/a"),
        ("git@gitserver:a", "git@gitserver:a"),
    ],
)
def test_a_deployment_may_allow_what_is_near(given: str, spelling: str) -> None:
    assert canonical(given, LOCAL) == spelling


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a",
        "http://10.0.0.1/a",
        "/srv/../etc",
        "/",
        "/srv/my repo",
        "file://host/a",
        "file://",
        "ext::sh",
        "relative/../x",
        "https://127.1/a",
    ],
)
def test_even_then_not_everything_is_taken(address: str) -> None:
    with pytest.raises(Denied):
        canonical(address, LOCAL)


def test_a_list_of_allowed_repositories_excludes_all_others() -> None:
    deployment = Deployment(allowed_repositories=("acme/*", "https://git.acme.example/*"))

    assert canonical("acme/tool", deployment) == "acme/tool"
    assert canonical("HTTPS://Git.Acme.Example/x", deployment) == "https://git.acme.example/x"
    for address in ("other/tool", "https://git.acme.example.evil.example/x"):
        with pytest.raises(Denied, match="PAWL_ALLOWED_REPOSITORIES"):
            canonical(address, deployment)


def test_the_deployments_default_stands_in() -> None:
    deployment = Deployment(default_repository="acme/tool")

    plan_made = planned({"task": {"instructions": "Go."}}, deployment)

    assert plan_made.task["repository"] == "acme/tool"
    assert plan_made.provenance["repository"] == "defaulted"
