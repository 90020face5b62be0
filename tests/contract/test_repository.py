"""Which addresses of repositories are taken, without asking any network."""

import re
from collections.abc import AsyncIterator, Mapping

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawl.hosts import Hosts
from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.channel import channel
from pawl.wire.server import serving
from services.contract.app import SERVICES
from services.contract.plan import plan
from services.contract.repository import Denied, canonical
from services.contract.servicer import ContractServicer
from services.contract.values import Deployment
from tests.contract.payloads import DEPLOYMENT, LOCAL, faults, payload, planned, said
from tests.support.urls import CANARY, CREDENTIALS, GOOD, refused

REFUSED = refused()
CODES = {"REPO_URL_DENIED", "BAD_TEXT", "SIZE"}
"""The last two where it is no text for any field."""
NEAR = {
    "/srv/git/repo.git/": "/srv/git/repo.git",
    "/srv/größe": "/srv/größe",
    "file:///srv/git/repo.git": "file:///srv/git/repo.git",
    "FILE:///srv/git": "file:///srv/git",
    "http://127.0.0.1:3000/a/b": "http://127.0.0.1:3000/a/b",
    "http://localhost/a": "http://localhost/a",
    "http://[::1]:80/a": "http://[::1]/a",
    "http://git.localhost:3000/a": "http://git.localhost:3000/a",
}
"""What allowing local repositories allows."""
PRIVATE = {
    "https://10.0.0.1/a": "https://10.0.0.1/a",
    "https://[FD00::1]/a": "https://[fd00::1]/a",
    "https://Git.corp.internal/a": "https://git.corp.internal/a",
    "git@gitserver:a": "git@gitserver:a",
    "ssh://git@gitserver:2222/a": "ssh://git@gitserver:2222/a",
}
LISTED = ("10.0.0.0/24", "fd00::1", "*.corp.internal", "gitserver")
ADDRESSES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://", "HTTPS://", "ssh://", "http://", "file://", "ext::", "", "-"]),
        st.sampled_from(["", "", "", "git@", "user:pw@", "-x@", "@"]),
        st.sampled_from(
            [
                *("example.com", "EXAMPLE.com", "localhost", "127.0.0.1", "0x7f.1", "[::1]", ""),
                *("[2606:4700:0::1]", "owner", "1.1.1.1"),
            ]
        ),
        st.sampled_from(["", "", "", ":", ":443", ":22", ":0080", ":2222"]),
        st.lists(
            st.sampled_from(
                [
                    *("/a", "/A", "b", "/", "/.", "..", "-", "~", ".git", "%2e", "%41", "%c3%a9"),
                    *("%20", "%7e", "%2D", "?", "#", "@", " ", "é", "\u200b", "\x00"),
                ]
            ),
            max_size=5,
        ).map("".join),
    ),
)


def named(table: Mapping[str, str]) -> "pytest.MarkDecorator":
    return pytest.mark.parametrize("address", table.values(), ids=table)


def test_there_are_eighty_hostile_addresses() -> None:
    assert len(set(REFUSED.values())) == len(REFUSED) >= 80


@pytest.mark.parametrize(("given", "spelling"), GOOD.items())
def test_an_address_gets_its_one_spelling(given: str, spelling: str) -> None:
    assert canonical(given, DEPLOYMENT) == spelling
    assert canonical(spelling, DEPLOYMENT) == spelling
    assert planned(payload(repository=given)).task["repository"] == spelling


@named(REFUSED)
def test_a_dangerous_address_is_refused(address: str) -> None:
    ((path, code),) = faults(payload(repository=address))

    assert path == "repository"
    assert code in CODES


@named(REFUSED)
def test_a_refusal_says_what_is_wrong_and_what_to_do(address: str) -> None:
    (violation,) = plan(payload(repository=address), DEPLOYMENT).violations

    assert len(re.findall(r"[.](?= [A-Z]|$)", violation.description)) >= 2


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("--upload-pack=x", "dash"),
        ("https://example.com\\a", "backslash"),
        ("ext::sh -c id", "helper"),
        ("https://user:pw@example.com/a", "credentials"),
        ("ssh://user:pw@example.com/a", "credentials"),
        ("user:pw@example.com/a", "credentials"),
        ("/srv/x", "PAWL_ALLOW_LOCAL_REPOSITORIES"),
        ("https://localhost/a", "PAWL_ALLOW_LOCAL_REPOSITORIES"),
        ("https://127.0.0.2/a", "PAWL_ALLOW_LOCAL_REPOSITORIES"),
        ("https://gitserver/a", "PAWL_PRIVATE_HOSTS"),
        ("https://10.0.0.1/a", "PAWL_PRIVATE_HOSTS"),
        ("http://example.com/a", "encrypted"),
        ("https://bücher.example/a", "xn--"),
    ],
)
def test_a_refusal_tells_the_real_reason(address: str, what: str) -> None:
    with pytest.raises(Denied, match=what):
        canonical(address, DEPLOYMENT)


@named(CREDENTIALS)
@pytest.mark.parametrize("deployment", [DEPLOYMENT, LOCAL], ids=["strict", "local"])
def test_a_credential_is_refused_and_never_echoed(address: str, deployment: Deployment) -> None:
    answer = plan(payload(repository=address), deployment)

    assert [violation.field for violation in answer.violations] == ["repository"]
    assert answer.plan is None
    assert CANARY not in said(answer)


@pytest.fixture
async def contract() -> AsyncIterator["rpc.ContractServiceAsyncStub"]:
    servicer = ContractServicer(DEPLOYMENT)
    async with (
        serving(
            lambda server: rpc.add_ContractServiceServicer_to_server(servicer, server),
            services=SERVICES,
            listen="127.0.0.1:0",
        ) as bound,
        channel(bound) as connected,
    ):
        yield rpc.ContractServiceStub(connected)


async def test_no_credential_is_in_a_status_an_answer_or_a_log(
    contract: "rpc.ContractServiceAsyncStub", capfd: pytest.CaptureFixture[str]
) -> None:
    heard = []
    for address in CREDENTIALS.values():
        request = pb.ValidateTaskRequest(report_violations=True)
        request.payload.update(payload(repository=address))
        heard.append(str(await contract.ValidateTask(request)))
        request.report_violations = False
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await contract.ValidateTask(request)
        heard.append(f"{caught.value!r} {caught.value.trailing_metadata()!r}")
    logged = capfd.readouterr()

    assert CANARY not in "".join([*heard, logged.out, logged.err])
    assert len([text for text in heard if "repository" in text]) == 2 * len(CREDENTIALS)


@settings(max_examples=500, deadline=None)
@given(ADDRESSES, st.booleans())
def test_the_one_spelling_is_its_own(address: str, local: bool) -> None:
    deployment = LOCAL if local else DEPLOYMENT
    try:
        spelling = canonical(address, deployment)
    except Denied:
        return

    assert canonical(spelling, deployment) == spelling
    assert "pw" not in spelling


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | ADDRESSES)
def test_what_is_taken_is_plain(address: str) -> None:
    try:
        spelling = canonical(address, DEPLOYMENT)
    except Denied:
        return

    assert re.fullmatch(r"[A-Za-z0-9._~@+/:%\[\]-]+", spelling)
    assert not spelling.startswith("-")


@pytest.mark.parametrize(("given", "spelling"), NEAR.items())
def test_a_deployment_may_allow_what_is_near(given: str, spelling: str) -> None:
    assert canonical(given, LOCAL) == spelling
    assert canonical(spelling, LOCAL) == spelling
    with pytest.raises(Denied):
        canonical(given, DEPLOYMENT)


@pytest.mark.parametrize(("given", "spelling"), PRIVATE.items())
def test_a_private_host_is_taken_where_it_is_listed(given: str, spelling: str) -> None:
    listed = Deployment(private_hosts=Hosts.of(LISTED))

    assert canonical(given, listed) == spelling
    with pytest.raises(Denied, match="PAWL_PRIVATE_HOSTS"):
        canonical(given, LOCAL)


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/a",
        "https://169.254.169.254/a",
        "https://metadata.google.internal/a",
        "https://[fe80::1]/a",
        "https://[::ffff:10.0.0.1]/a",
        "https://0.0.0.0/a",
        "http://10.0.0.1/a",
        "/srv/x",
    ],
)
def test_a_list_of_private_hosts_allows_neither_this_machine_nor_what_is_no_host(
    address: str,
) -> None:
    listed = Deployment(private_hosts=Hosts.of(["10.0.0.0/8", "169.254.0.0/16", "fe80::/10"]))

    with pytest.raises(Denied):
        canonical(address, listed)


def test_where_hosts_are_listed_all_others_are_excluded() -> None:
    deployment = Deployment(allowed_hosts=Hosts.of(["github.com", "*.acme.example"]))

    for address in ("owner/repo", "https://GitHub.com/a/b", "git@git.acme.example:a"):
        canonical(address, deployment)
    for address in ("https://acme.example/a", "https://evilacme.example/a", "https://8.8.8.8/a"):
        with pytest.raises(Denied, match="PAWL_ALLOWED_HOSTS"):
            canonical(address, deployment)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a",
        "http://10.0.0.1/a",
        "/srv/../etc",
        "/srv//x",
        "/",
        "/srv/my repo",
        "/srv/x\u200by",
        "file://host/a",
        "file://",
        "file:///srv/%2e%2e/etc",
        "ext::sh",
        "relative/../x",
        "https://127.1/a",
        "https://169.254.169.254/a",
        "https://metadata.google.internal/a",
        "https://[fe80::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://0.0.0.0/a",
        "https://224.0.0.1/a",
        "https://10.0.0.1/a",
        "https://git.corp.internal/a",
    ],
)
def test_even_then_not_everything_is_taken(address: str) -> None:
    with pytest.raises(Denied):
        canonical(address, LOCAL)


def test_a_list_of_allowed_repositories_excludes_all_others() -> None:
    deployment = Deployment(allowed_repositories=("acme/*", "https://git.acme.example/*"))

    assert canonical("acme/tool", deployment) == "acme/tool"
    assert canonical("HTTPS://Git.Acme.Example:443/x", deployment) == "https://git.acme.example/x"
    for address in ("other/tool", "https://git.acme.example.evil.example/x"):
        with pytest.raises(Denied, match="PAWL_ALLOWED_REPOSITORIES"):
            canonical(address, deployment)


def test_no_encoding_leaves_an_allowed_folder() -> None:
    """git decodes a file's address, so encoded dots once led out of what a glob allowed."""
    deployment = Deployment(
        allow_local_repositories=True, allowed_repositories=("file:///srv/git/*",)
    )

    with pytest.raises(Denied):
        canonical("file:///srv/git/%2e%2e/%2e%2e/etc", deployment)


def test_the_deployments_default_stands_in() -> None:
    deployment = Deployment(default_repository="acme/tool")

    plan_made = planned({"task": {"instructions": "Go."}}, deployment)

    assert plan_made.task["repository"] == "acme/tool"
    assert plan_made.provenance["repository"] == "defaulted"
