"""Who goes by the operator's proxy, and who finds out addresses then."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pawl.hosts import HostRules, Hosts
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.location import Location, locate
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.proxies import proxy_for
from services.orchestrator.source.ways import Way, Ways
from tests.support.git_server import git_server

PROXY = "http://user:secret@proxy.example:3128"
FORGE = "https://github.com"
PUBLIC = HostRules()


@pytest.mark.parametrize(
    ("scheme", "network", "variable"),
    [
        ("https", {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        ("https", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, "https_proxy"),
        ("http", {"http_proxy": PROXY}, "http_proxy"),
        ("http", {"HTTP_PROXY": PROXY}, None),
        ("http", {"HTTPS_PROXY": PROXY}, None),
        ("https", {"HTTPS_PROXY": ""}, None),
        ("https", {}, None),
    ],
)
def test_a_proxy_is_for_its_scheme(
    scheme: str, network: Mapping[str, str], variable: str | None
) -> None:
    proxy = proxy_for(scheme, "git.example.com", 443, network)

    assert (proxy.variable if proxy else None) == variable
    assert "secret" not in repr(proxy)


@pytest.mark.parametrize(
    ("host", "spared"),
    [
        ("git.example.com", "*"),
        ("git.example.com", "git.example.com"),
        ("git.example.com", "x, .example.com ,y"),
        ("git.example.com", "EXAMPLE.com"),
        ("git.example.com", "git.example.com:443"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.9/8"),
        ("fd00::1", "[fd00::1]"),
        ("fd00::1", "fd00::/8"),
    ],
)
def test_what_no_proxy_names_goes_directly(host: str, spared: str) -> None:
    assert proxy_for("https", host, 443, {"HTTPS_PROXY": PROXY, "NO_PROXY": spared}) is None


@pytest.mark.parametrize(
    ("host", "spared"),
    [
        ("git.example.com", "ample.com"),
        ("git.example.com", "git.example.com:8443"),
        ("git.example.com", ","),
        ("git.example.com", "git.example.com.evil"),
        ("11.1.2.3", "10.0.0.0/8"),
    ],
)
def test_what_it_does_not_name_goes_by_the_proxy(host: str, spared: str) -> None:
    network = {"HTTPS_PROXY": PROXY, "NO_PROXY": spared}

    assert proxy_for("https", host, 443, network) is not None


async def way(address: str, network: Mapping[str, str], rules: HostRules = PUBLIC) -> Way:
    async def found(host: str, port: int) -> Sequence[str]:
        return ["140.82.112.3"]

    location = locate(address, forge_url=FORGE, allow_local=False)
    return await Ways(rules=rules, resolver=found).to(location, Git(network=network), {})


@pytest.mark.parametrize("url", [PROXY, "proxy.example:3128", "socks5h://proxy.example"])
async def test_a_proxy_that_is_told_names_finds_the_addresses(url: str) -> None:
    taken = await way("https://example.com/a", {"HTTPS_PROXY": url, "NO_PROXY": "x.example"})

    assert taken == Way(environment={"HTTPS_PROXY": url})


async def test_a_proxy_that_is_told_addresses_is_told_those_that_were_judged() -> None:
    network = {"HTTPS_PROXY": "socks5://proxy.example"}

    taken = await way("https://example.com/a", network)

    assert taken.environment == network
    assert taken.configuration == {"http.curloptResolve": "example.com:443:140.82.112.3"}


async def test_git_is_not_told_of_proxies_that_it_shall_not_use() -> None:
    """What git's curl makes of NO_PROXY need not be what was made of it here."""
    network = {
        "HTTPS_PROXY": PROXY,
        "http_proxy": PROXY,
        "NO_PROXY": ".example.com",
        "GIT_SSL_CAINFO": "/etc/ca.pem",
    }

    taken = await way("https://git.example.com/a", network)

    assert taken.environment == {"GIT_SSL_CAINFO": "/etc/ca.pem"}
    assert list(taken.configuration) == ["http.curloptResolve"]


@pytest.mark.parametrize(
    ("address", "rules"),
    [
        ("https://git.corp.internal/a", HostRules()),
        ("https://10.0.0.1/a", HostRules()),
        ("https://169.254.169.254/a", HostRules(private=Hosts.of(["169.254.0.0/16"]))),
        ("https://example.com/a", HostRules(allowed=Hosts.of(["github.com"]))),
    ],
)
async def test_by_a_proxy_a_host_is_judged_by_its_name_all_the_same(
    address: str, rules: HostRules
) -> None:
    with pytest.raises(JobFailed, match="REPO_URL_DENIED"):
        await way(address, {"HTTPS_PROXY": PROXY}, rules)


async def test_git_tells_the_proxy_the_name_and_asks_nobody_for_it(tmp_path: Path) -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        pytest.fail("the proxy resolves")

    with git_server(tmp_path) as proxy:
        proxy.answer = 404
        mirror = Mirror(
            tmp_path / "mirror.git",
            Location(url="http://git.example.com/a", protocol="http", host="git.example.com"),
            git=Git(path=os.environ["PATH"], network={"http_proxy": proxy.url}),
            credentials=Credentials(),
            ways=Ways(resolver=nobody),
            limits=FetchLimits(pauses=()),
        )
        with pytest.raises(JobFailed, match="REPO_NOT_FOUND"):
            await mirror.fetch()

    assert [path for path, _ in proxy.requests] == [
        "http://git.example.com/a/info/refs?service=git-upload-pack"
    ]
