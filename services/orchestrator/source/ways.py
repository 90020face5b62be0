"""Decides which way git may take to a repository's host, so that it is led nowhere else.

A name is looked up once and every address behind it judged; git then gets the addresses beside
the name. Were it to look the name up again, it might be told another one than was judged.
"""

import asyncio
import ipaddress
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from pawl.hosts import Denied, HostRules
from pawl.repositories import among, host_rules
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.source.git import Git
from services.orchestrator.source.location import DEFAULT_PORTS, Location
from services.orchestrator.source.proxies import proxy_for
from services.orchestrator.source.resolve import Resolver, Unresolved, system
from services.orchestrator.source.ssh import target_of

LOOKUP_SECONDS = 20
MOST_ADDRESSES = 8
"""That git gets; all are judged."""
CERTIFICATES = ("GIT_SSL_CAINFO", "SSL_CERT_FILE")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a git process gets to reach a host at the addresses that were judged, and no other."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    configuration: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways of one deployment."""

    rules: HostRules = field(default_factory=HostRules)
    repositories: Sequence[str] = ()
    """Globs over the spelling of plans; none allows every repository."""
    forge_url: str = ""
    """Its server may be private, and is always allowed: the operator names it."""
    resolver: Resolver = system

    def admit(self, repository: str, location: Location) -> None:
        """Raises `JobFailed` with REPO_URL_DENIED for what its spelling tells enough of."""
        try:
            among(repository, self.repositories)
        except Denied as denied:
            raise failed(
                Reason.REPO_URL_DENIED,
                f"The repository may not be used. {denied.what}",
                denied.remedy,
            ) from None
        if location.host:
            self._judge(location)

    async def to(self, location: Location, git: Git, environment: Mapping[str, str]) -> Way:
        """The way to `location` for a git that has `environment` besides.

        Raises `JobFailed` with REPO_URL_DENIED, and Unresolved where nobody says where it is.
        """
        if not location.host:
            return Way()
        self._judge(location)
        if location.protocol == "ssh":
            return await self._by_ssh(location, git, environment)
        return await self._by_http(location, git)

    async def _by_http(self, location: Location, git: Git) -> Way:
        port = location.port or DEFAULT_PORTS[location.protocol]
        proxy = proxy_for(location.protocol, location.host, port, git.network)
        # Of the proxies' variables git gets the one that applies, or none: what it makes of
        # NO_PROXY by itself need not be what was made of it here.
        network = {name: git.network[name] for name in CERTIFICATES if name in git.network}
        if proxy is not None:
            network[proxy.variable] = proxy.url
            if proxy.resolves:
                return Way(environment=network)
        addresses = await self._addresses(location, location.host, port)
        if _is_number(location.host):
            return Way(environment=network)
        pinned = ",".join(map(_bracketed, addresses[:MOST_ADDRESSES]))
        return Way(
            environment=network,
            configuration={"http.curloptResolve": f"{location.host}:{port}:{pinned}"},
        )

    async def _by_ssh(self, location: Location, git: Git, environment: Mapping[str, str]) -> Way:
        command = environment["GIT_SSH_COMMAND"]
        target = await target_of(location, command, {"PATH": git.path, **environment})
        if not target.direct:
            return Way(environment=git.network)
        addresses = await self._addresses(location, target.host, target.port)
        options = (
            f"-oHostName={addresses[0]}",
            f"-oHostKeyAlias={target.known_as}",
            "-oCheckHostIP=no",
        )
        quoted = " ".join(map(shlex.quote, options))
        return Way(environment={"GIT_SSH_COMMAND": f"{command} {quoted}"})

    async def _addresses(self, location: Location, host: str, port: int) -> Sequence[str]:
        """Every address of `host`, each of them judged as one that `location` leads to."""
        if _is_number(host):
            found: Sequence[str] = [host]
        else:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS):
                    found = await self.resolver(host, port)
            except TimeoutError:
                raise Unresolved(
                    f"could not resolve host {host}: no answer within {LOOKUP_SECONDS} s"
                ) from None
        if not found:
            raise Unresolved(f"could not resolve host {host}: it has no address")
        for address in found:
            try:
                self._rules(location).judge_found(address, host=_bracketed(location.host))
            except Denied as denied:
                # The log may name the address; who submits tasks need not learn the network.
                logger.warning("repository_host_denied", host=location.host, address=address)
                raise _refused(location, "leads where it may not.", denied) from None
        return found

    def _judge(self, location: Location) -> None:
        try:
            self._rules(location).judge(_bracketed(location.host))
        except Denied as denied:
            raise _refused(location, "may not be used.", denied) from None

    def _rules(self, location: Location) -> HostRules:
        return host_rules(
            location.protocol,
            _bracketed(location.host),
            location.port,
            rules=self.rules,
            forge_url=self.forge_url,
        )


def _refused(location: Location, what: str, denied: Denied) -> JobFailed:
    return failed(
        Reason.REPO_URL_DENIED,
        f"The repository's host {location.host} {what} {denied.what}",
        denied.remedy,
    )


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
