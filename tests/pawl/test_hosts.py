"""Hosts are judged by what they are called and by where they lead."""

import pytest

from pawl.hosts import Denied, HostRules, Hosts, canonical, loopback

ANYWHERE = HostRules()
LOCAL = HostRules(local=True)
INTERNAL = "git.corp.internal"


@pytest.mark.parametrize(
    "found",
    ["140.82.112.3", "2606:4700::1111", "64:ff9b::8c52:7003", "172.15.255.255", "100.128.0.1"],
)
def test_a_host_may_lead_to_public_addresses(found: str) -> None:
    ANYWHERE.judge_found(found, host="example.com")


@pytest.mark.parametrize(
    "found",
    [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "fd00::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "203.0.113.1",
    ],
)
def test_a_host_may_lead_to_no_private_address_unless_it_is_listed(found: str) -> None:
    with pytest.raises(Denied):
        ANYWHERE.judge_found(found, host="example.com")
    with pytest.raises(Denied):
        LOCAL.judge_found(found, host="example.com")

    HostRules(private=Hosts.of(["example.com"])).judge_found(found, host="example.com")


@pytest.mark.parametrize(
    "found",
    [
        "0.0.0.0",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "fec0::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "fd00:ec2::254",
    ],
)
def test_nobody_may_lead_to_what_is_no_host(found: str) -> None:
    """Not even who is listed: these are metadata, links, groups and IPv4 inside of IPv6."""
    trusting = HostRules(local=True, private=Hosts.of(["example.com", "0.0.0.0/0", "::/0"]))

    with pytest.raises(Denied):
        trusting.judge_found(found, host="example.com")


def test_a_network_that_is_listed_may_be_led_to_by_whoever_it_is() -> None:
    rules = HostRules(private=Hosts.of(["10.1.0.0/16", "127.0.0.3"]))

    rules.judge_found("10.1.2.3", host="example.com")
    rules.judge_found("127.0.0.3", host="example.com")
    with pytest.raises(Denied):
        rules.judge_found("10.2.0.1", host="example.com")


@pytest.mark.parametrize("host", ["localhost", "git.localhost", "127.0.0.1", "[::1]"])
def test_this_machine_is_allowed_by_its_own_names_alone(host: str) -> None:
    LOCAL.judge(host)
    LOCAL.judge_found("127.0.0.1", host=host)

    assert loopback(host)
    with pytest.raises(Denied):
        LOCAL.judge_found("10.0.0.1", host=host)
    with pytest.raises(Denied):
        ANYWHERE.judge(host)


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("git.corp.internal", INTERNAL, "x.git.corp.internal"),
        ("GIT.Corp.Internal", INTERNAL, "corp.internal"),
        ("*.corp.internal", INTERNAL, "corp.internal"),
        ("*.corp.internal", "a.b.corp.internal", "evilcorp.internal"),
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
        ("[fd00::1]", "[fd00::1]", "[fd00::2]"),
        ("fd00::/8", "[fd00::1]", "[fc00::1]"),
    ],
)
def test_a_list_means_names_domains_addresses_and_networks(
    entry: str, inside: str, outside: str
) -> None:
    hosts = Hosts.of([entry])

    assert inside in hosts
    assert outside not in hosts


@pytest.mark.parametrize(
    "entry",
    [
        *("*", "*corp.internal", "git.*.internal", "https://a.example", "a.example/b", "a b"),
        *("10.1.2.3/16", "10.1/16", "0x7f.1", "2130706433", "a.example:443", "bücher.example"),
    ],
)
def test_what_is_no_host_is_refused_in_a_list(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host; write a name"):
        Hosts.of(["a.example", entry])


def test_a_private_name_is_left_to_the_addresses_where_networks_are_listed() -> None:
    HostRules(private=Hosts.of(["10.1.0.0/16"])).judge(INTERNAL)

    with pytest.raises(Denied, match="PAWL_PRIVATE_HOSTS"):
        HostRules(private=Hosts.of(["other.internal"])).judge(INTERNAL)


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "example.com.", "[::1%1]", "%6c", "ſ.example"],
)
def test_a_host_that_is_oddly_written_has_no_spelling(host: str) -> None:
    with pytest.raises(Denied):
        canonical(host)
