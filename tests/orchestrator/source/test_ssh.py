"""By ssh, too, git goes to the address that was judged, and knows the host by its own name."""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pawl.hosts import HostRules, Hosts
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.location import locate
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.resolve import Resolver, Unresolved
from services.orchestrator.source.ssh import Target, target_of
from services.orchestrator.source.ways import Way, Ways
from tests.support.sink import Sink, sink_at

pytestmark = pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")

SERVER = "127.0.0.3"
PRIVATE = "127.0.0.2"
FORGE = "https://github.com"
Configured = Callable[[str], Git]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """A git whose ssh reads this configuration, and keeps what it was called with."""

    def make(configuration: str) -> Git:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        file = tmp_path / "ssh_config"
        file.write_text(configuration)
        ssh = folder / "ssh"
        calls = shlex.quote(str(tmp_path / "calls"))
        ssh.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >> {calls}\n'
            f'exec {shutil.which("ssh")} -F {shlex.quote(str(file))} "$@"\n'
        )
        ssh.chmod(0o700)
        return Git(path=f"{folder}:{os.environ['PATH']}")

    return make


def leading_to(*addresses: str) -> Resolver:
    async def found(host: str, port: int) -> Sequence[str]:
        return addresses

    return found


async def target(git: Git, address: str) -> Target:
    location = locate(address, forge_url=FORGE, allow_local=False)
    access = await Credentials().access(location)
    return await target_of(
        location, access.environment["GIT_SSH_COMMAND"], {"PATH": git.path, **access.environment}
    )


async def way(git: Git, address: str, resolver: Resolver) -> Way:
    location = locate(address, forge_url=FORGE, allow_local=False)
    access = await Credentials().access(location)
    return await Ways(resolver=resolver).to(location, git, access.environment)


@pytest.mark.parametrize(
    ("address", "configuration", "expected"),
    [
        (
            "git@a.example:x",
            "",
            Target(host="a.example", port=22, known_as="a.example", direct=True),
        ),
        (
            "ssh://git@a.example:2222/x",
            "",
            Target(host="a.example", port=2222, known_as="[a.example]:2222", direct=True),
        ),
        (
            "git@github.com:o/r",
            "Host github.com\n  HostName ssh.github.com\n  Port 443\n",
            Target(host="ssh.github.com", port=443, known_as="[ssh.github.com]:443", direct=True),
        ),
        (
            "git@a.example:x",
            "Host a.example\n  HostKeyAlias known\n",
            Target(host="a.example", port=22, known_as="known", direct=True),
        ),
        (
            "git@a.example:x",
            "Host *.example\n  ProxyJump jump.example\n",
            Target(host="a.example", port=22, known_as="a.example", direct=False),
        ),
        (
            "git@a.example:x",
            "Match user git\n  ProxyCommand nc -X 5 -x socks %h %p\n",
            Target(host="a.example", port=22, known_as="a.example", direct=False),
        ),
    ],
)
async def test_ssh_is_asked_where_the_operator_sends_it(
    configured: Configured, address: str, configuration: str, expected: Target
) -> None:
    assert await target(configured(configuration), address) == expected


async def test_ssh_gets_the_address_and_the_name_of_the_hosts_key(configured: Configured) -> None:
    taken = await way(
        configured(""), "ssh://git@a.example:2222/x", leading_to("2606:4700::1111", "140.82.112.3")
    )

    options = shlex.split(taken.environment["GIT_SSH_COMMAND"])
    assert "-oHostName=2606:4700::1111" in options
    assert "-oHostKeyAlias=[a.example]:2222" in options
    assert "-oStrictHostKeyChecking=yes" in options


async def test_one_address_that_may_not_be_refuses_the_host(configured: Configured) -> None:
    with pytest.raises(JobFailed) as caught:
        await way(configured(""), "git@a.example:x", leading_to("140.82.112.3", "10.0.0.1"))

    assert caught.value.failure.reason is Reason.REPO_URL_DENIED


async def test_a_name_of_the_operators_configuration_is_judged_by_where_it_leads(
    configured: Configured,
) -> None:
    git = configured("Host a.example\n  HostName 10.0.0.1\n")

    with pytest.raises(JobFailed, match=r"a\.example leads where it may not"):
        await way(git, "git@a.example:x", leading_to("140.82.112.3"))


async def test_behind_a_jump_host_the_way_is_the_operators(configured: Configured) -> None:
    git = configured("Host a.example\n  ProxyJump jump.example\n")

    async def nobody(host: str, port: int) -> Sequence[str]:
        pytest.fail("the jump host resolves")

    assert await way(git, "git@a.example:x", nobody) == Way()


async def test_an_ssh_that_cannot_be_used_is_told(configured: Configured) -> None:
    git = configured("Host a.example\n  NoSuchSetting yes\n")

    with pytest.raises(Unresolved, match="nosuchsetting"):
        await way(git, "git@a.example:x", leading_to("140.82.112.3"))
    with pytest.raises(Unresolved, match="ssh cannot be started"):
        await way(Git(path="/nowhere"), "git@a.example:x", leading_to("140.82.112.3"))


@dataclass
class Net:
    server: Sink
    private: Sink


@pytest.fixture
def net() -> Iterator[Net]:
    with ExitStack() as stack:
        server = stack.enter_context(sink_at(SERVER))
        yield Net(server, stack.enter_context(sink_at(PRIVATE, server.port)))


@pytest.mark.parametrize(("address", "hits"), [(SERVER, 1), (PRIVATE, 0)])
async def test_git_connects_to_what_was_judged_alone(
    configured: Configured, net: Net, tmp_path: Path, address: str, hits: int
) -> None:
    location = locate(
        f"ssh://git@git.rebind.example:{net.server.port}/x", forge_url=FORGE, allow_local=False
    )
    mirror = Mirror(
        tmp_path / "mirror.git",
        location,
        git=configured(""),
        credentials=Credentials(),
        ways=Ways(rules=HostRules(private=Hosts.of([SERVER])), resolver=leading_to(address)),
        limits=FetchLimits(pauses=()),
    )

    with pytest.raises(JobFailed) as caught:
        await mirror.fetch()

    refused = address == PRIVATE
    expected = Reason.REPO_URL_DENIED if refused else Reason.REPO_UNREACHABLE
    assert caught.value.failure.reason is expected
    assert (net.server.hits, net.private.hits) == (hits, 0)
    called = (tmp_path / "calls").read_text().splitlines()
    assert len(called) == 1 + hits, "asked for its configuration, then connected"
