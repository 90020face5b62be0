"""The contract and the orchestrator take and refuse the same addresses."""

from dataclasses import dataclass, replace

import pytest

from pawl.hosts import Hosts
from services.contract.repository import Denied, canonical
from services.contract.values import Deployment
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.location import locate
from services.orchestrator.source.ways import Ways
from tests.support.urls import CANARY, FORGES, GOOD, NEAR, refused

FORGE = "https://github.com"
STRICT = Deployment()
LOCAL = Deployment(allow_local_repositories=True)
LISTED = Deployment(
    private_hosts=Hosts.of(["10.0.0.0/8", "fd00::/8", "gitserver", "*.internal", "127.0.0.1"])
)
NARROW = Deployment(
    allowed_hosts=Hosts.of(["github.com", "*.example"]),
    allowed_repositories=("https://*", "owner/*"),
)
DEPLOYMENTS = {"strict": STRICT, "local": LOCAL, "listed": LISTED, "narrow": NARROW}
ADDRESSES = {**refused(), **{address: address for address in (*GOOD, *NEAR)}}


@dataclass(frozen=True)
class Verdict:
    taken: bool
    why: str = ""


def contracts(address: str, deployment: Deployment) -> Verdict:
    try:
        canonical(address, deployment)
    except Denied as denied:
        return Verdict(taken=False, why=str(denied))
    return Verdict(taken=True)


def orchestrators(address: str, deployment: Deployment) -> Verdict:
    ways = Ways(
        rules=deployment.hosts,
        repositories=deployment.allowed_repositories,
        forge_url=deployment.forge_url,
    )
    try:
        location = locate(
            address,
            forge_url=deployment.forge_url,
            allow_local=deployment.allow_local_repositories,
        )
        ways.admit(address, location)
    except JobFailed as problem:
        if problem.failure.reason is not Reason.REPO_URL_DENIED:
            raise
        return Verdict(taken=False, why=f"{problem.failure}")
    return Verdict(taken=True)


def test_there_are_enough_addresses_to_agree_on() -> None:
    assert len(ADDRESSES) > 300


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_both_judge_an_address_alike(address: str, deployment: Deployment) -> None:
    by_contract = contracts(address, deployment)
    try:
        spelling = canonical(address, deployment)
    except Denied:
        spelling = address
    by_orchestrator = orchestrators(spelling, deployment)

    assert by_orchestrator.taken == by_contract.taken, (by_contract, by_orchestrator)
    assert CANARY not in by_contract.why + by_orchestrator.why


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_by_default_both_take_what_is_good_alone(address: str) -> None:
    assert orchestrators(address, STRICT).taken is (address in GOOD)


@pytest.mark.parametrize("address", sorted(set(GOOD.values())))
def test_git_gets_the_contracts_spelling(address: str) -> None:
    located = locate(address, forge_url=FORGE, allow_local=False).url

    assert located == (f"{FORGE}/{address}.git" if address in SHORT_ONES else address)


SHORT_ONES = {address for address in GOOD.values() if ":" not in address}


@pytest.mark.parametrize(("address", "forge_url"), FORGES.values(), ids=FORGES)
def test_the_forge_may_be_private_and_plain_http(address: str, forge_url: str) -> None:
    there = replace(STRICT, forge_url=forge_url)

    assert contracts(address, there).taken
    assert orchestrators(address, there).taken
    assert not contracts(address, STRICT).taken
    assert not orchestrators(address, STRICT).taken


@pytest.mark.parametrize("address", ["owner/repo", "https://github.com/a/b", "git@github.com:a/b"])
def test_the_forge_is_among_the_hosts_that_are_allowed(address: str) -> None:
    elsewhere = Deployment(allowed_hosts=Hosts.of(["gitlab.com"]))

    assert contracts(address, elsewhere).taken
    assert orchestrators(address, elsewhere).taken


@pytest.mark.parametrize(
    "address",
    [
        "https://git.corp.internal:8443/o/r",
        "https://metadata.google.internal/o/r",
        "https://10.0.0.1/o/r",
        "http://git.corp.internal/o/r",
        "git@other.corp.internal:o/r",
    ],
)
def test_beside_the_forges_server_nothing_is_allowed_by_it(address: str) -> None:
    there = replace(STRICT, forge_url="https://git.corp.internal")

    assert not contracts(address, there).taken
    assert not orchestrators(address, there).taken
