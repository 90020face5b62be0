"""Git goes to the addresses that were judged, whatever a name leads to a moment later."""

import functools
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from pawl.hosts import HostRules, Hosts
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.location import Location
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.source.push import push
from services.orchestrator.source.resolve import Resolver, Unresolved
from services.orchestrator.source.ways import Ways
from tests.orchestrator.source.repositories import Upstream, git, mirrors
from tests.support.git_server import GitServer, git_server
from tests.support.http_serving import serving
from tests.support.sink import Sink, sink_at

PUBLIC = "127.0.0.3"
"""Stands for an address that is allowed: the deployment lists it."""
PRIVATE = "127.0.0.2"
NAME = "git.rebind.example"
"""In nobody's name servers."""


@dataclass
class Rebinding:
    """A name that leads elsewhere with each question; the last answer stays."""

    answers: list[Sequence[str]]
    asked: int = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class Net:
    """A server at an address that is allowed, sinks beside it that listen on the same port."""

    server: GitServer
    private: Sink
    local: Sink
    """Where git goes for ``localhost`` when it looks that up itself."""
    root: Path

    @property
    def port(self) -> int:
        return self.private.port

    @property
    def hits(self) -> int:
        return self.private.hits + self.local.hits

    def mirror(self, resolver: Resolver, host: str = NAME) -> Mirror:
        rules = HostRules(local=host == "localhost", private=Hosts.of([PUBLIC]))
        return Mirror(
            self.root / "mirror.git",
            Location(
                url=f"http://{host}:{self.port}/origin.git",
                protocol="http",
                host=host,
                port=self.port,
            ),
            git=Git(path=os.environ["PATH"]),
            credentials=Credentials(),
            ways=Ways(rules=rules, resolver=resolver),
            limits=FetchLimits(pauses=()),
        )


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    origin = Upstream(tmp_path / "origin.git")
    origin.commit(origin.files(a="one"))
    with ExitStack() as stack:
        local = stack.enter_context(sink_at("127.0.0.1"))
        private = stack.enter_context(sink_at(PRIVATE, local.port))
        server = stack.enter_context(git_server(tmp_path, host=PUBLIC, port=local.port))
        yield Net(server, private, local, tmp_path)


async def listing(mirror: Mirror) -> None:
    await mirror.ensure()
    await mirror.origin.listing()


async def fetching(mirror: Mirror) -> None:
    await mirror.ensure()
    await mirror.origin.fetch("refs/origin/heads/", present_bytes=0)


async def pushing(mirror: Mirror) -> None:
    await mirror.ensure()
    git(mirror.git_dir, "fetch", "--quiet", str(mirror.git_dir.parent / "origin.git"), "main")
    commit = git(mirror.git_dir, "rev-parse", "FETCH_HEAD")
    await push(mirror, commit=commit, branch="task", expected=None)


Act = Callable[[Mirror], Awaitable[None]]
acts = pytest.mark.parametrize("act", [listing, fetching, pushing])


@acts
async def test_git_is_given_the_address_of_a_name_that_nobody_else_resolves(
    net: Net, act: Act
) -> None:
    await act(net.mirror(Rebinding([[PUBLIC]])))

    assert net.server.requests
    assert net.hits == 0


@acts
async def test_git_does_not_look_a_name_up_again(net: Net, act: Act) -> None:
    """It would be led to this machine: every curl knows where ``localhost`` is."""
    await act(net.mirror(Rebinding([[PUBLIC]]), host="localhost"))

    assert net.server.requests
    assert net.hits == 0


async def test_a_sink_would_tell_of_a_git_that_looks_names_up_itself(
    net: Net, tmp_path: Path
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "ls-remote", f"http://localhost:{net.port}/origin.git")

    assert net.hits > 0


@acts
@pytest.mark.parametrize(
    "answer",
    [
        [PRIVATE],
        ["140.82.112.3", PRIVATE],
        [PRIVATE, "140.82.112.3"],
        ["2606:4700::1111", "140.82.112.3", "::1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.2"],
        ["64:ff9b::7f00:2"],
    ],
    ids=",".join,
)
async def test_one_address_that_may_not_be_refuses_the_host(
    net: Net, act: Act, answer: Sequence[str]
) -> None:
    with pytest.raises(JobFailed, match=NAME) as caught:
        await act(net.mirror(Rebinding([answer])))

    failure = caught.value.failure
    assert failure.reason is Reason.REPO_URL_DENIED
    assert not any(address in failure.message for address in answer)
    assert net.hits == len(net.server.requests) == 0


async def test_a_name_that_turns_private_is_refused_from_then_on(net: Net) -> None:
    resolver = Rebinding([[PUBLIC], [PRIVATE]])
    mirror = net.mirror(resolver)
    await listing(mirror)

    for act in (listing, fetching, pushing):
        with pytest.raises(JobFailed) as caught:
            await act(mirror)
        assert caught.value.failure.reason is Reason.REPO_URL_DENIED
        assert "PAWL_PRIVATE_HOSTS" in caught.value.failure.remedy

    assert resolver.asked == 4
    assert net.hits == 0


async def test_a_name_is_looked_up_once_for_one_git(net: Net) -> None:
    """The second answer is judged, too, but for another git."""
    resolver = Rebinding([[PUBLIC], [PRIVATE]])

    await fetching(net.mirror(resolver))

    assert resolver.asked == 1
    assert net.hits == 0


async def test_a_name_that_nobody_knows_is_unreachable_after_all_tries(net: Net) -> None:
    asked = 0

    async def silent(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        raise Unresolved(f"could not resolve host {host}: no such name")

    mirror = net.mirror(silent)
    mirror.origin.limits = FetchLimits(pauses=[timedelta(0), timedelta(0)])

    with pytest.raises(JobFailed, match=f"could not resolve host {NAME}") as caught:
        await listing(mirror)

    assert caught.value.failure.reason is Reason.REPO_UNREACHABLE
    assert asked == 3


async def test_a_push_to_a_name_that_nobody_knows_can_be_tried_again(net: Net) -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        raise Unresolved(f"could not resolve host {host}: no such name")

    with pytest.raises(JobFailed, match=f"could not resolve host {NAME}") as caught:
        await pushing(net.mirror(silent))

    assert caught.value.failure.reason is Reason.PUBLISH_UNAVAILABLE


@acts
async def test_no_redirect_leads_elsewhere(net: Net, act: Act) -> None:
    net.server.answer = 302
    net.server.location = f"http://{PRIVATE}:{net.port}"

    with pytest.raises(JobFailed):
        await act(net.mirror(Rebinding([[PUBLIC]])))

    assert net.server.requests
    assert net.hits == 0


async def test_a_server_of_plain_files_lends_no_objects_from_elsewhere(tmp_path: Path) -> None:
    """A file of the repository's names other servers that git would ask for what is missing."""
    origin = Upstream(tmp_path / "origin.git")
    origin.commit(origin.files(a="one"))
    git(origin.path, "update-server-info")
    blob = git(origin.path, "rev-parse", "main:a")
    (origin.path / "objects" / blob[:2] / blob[2:]).unlink()
    with sink_at(PRIVATE) as sink, plain_files(tmp_path) as url:
        lent = f"http://{PRIVATE}:{sink.port}/origin.git/objects\n"
        (origin.path / "objects/info/http-alternates").write_text(lent)
        mirror = await mirrors(tmp_path / "mirrors").open(f"{url}/origin.git")

        with pytest.raises(JobFailed):
            await mirror.fetch()

        assert sink.hits == 0
        git(tmp_path, "init", "--quiet", "--bare", "own.git")
        with pytest.raises(subprocess.CalledProcessError):
            git(
                tmp_path / "own.git",
                *("-c", "http.followRedirects=true"),
                *("fetch", f"{url}/origin.git"),
            )
        assert sink.hits > 0, "git would have gone there"


@contextmanager
def plain_files(folder: Path) -> Iterator[str]:
    """Serves a folder as any web server does; gives its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(functools.partial(Quiet, directory=str(folder))) as url:
        yield url
