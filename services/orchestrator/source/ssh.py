"""What the operator's ssh configuration makes of a host."""

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from services.orchestrator.source.git import readable, started
from services.orchestrator.source.location import DEFAULT_PORTS, Location
from services.orchestrator.source.resolve import Unresolved

ASK_SECONDS = 10
OTHERS_WAY = ("proxycommand", "proxyjump")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where ssh would connect to."""

    host: str
    port: int
    known_as: str
    """What the host's key is looked up by in ``known_hosts``."""
    direct: bool
    """No other host or command of the configuration is on the way."""


async def target_of(location: Location, command: str, environment: Mapping[str, str]) -> Target:
    """Asks ssh itself, started as git will start it by `command`.

    Raises Unresolved where it does not say.
    """
    argv = [*shlex.split(command), "-G"]
    if location.port:
        argv += ["-p", str(location.port)]
    try:
        async with (
            asyncio.timeout(ASK_SECONDS),
            started(
                [*argv, _destination(location)],
                environment,
                stdin=None,
                stdout=asyncio.subprocess.PIPE,
            ) as process,
        ):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise Unresolved(f"ssh did not say where {location.host} is") from None
    except OSError as problem:
        raise Unresolved(f"ssh cannot be started: {problem.strerror}") from None
    if process.returncode:
        raise Unresolved(f"ssh cannot be used: {readable(complaint)[:200]}")
    return _target(location, said.decode("utf-8", "replace"))


def _target(location: Location, said: str) -> Target:
    settings: dict[str, str] = {}
    for line in said.splitlines():
        name, _, value = line.partition(" ")
        settings.setdefault(name.lower(), value.strip())
    host = settings.get("hostname", location.host)
    port = int(settings.get("port", location.port or DEFAULT_PORTS["ssh"]))
    return Target(
        host=host,
        port=port,
        known_as=settings.get("hostkeyalias") or _key_name(host, port),
        direct=all(settings.get(name, "none") == "none" for name in OTHERS_WAY),
    )


def _key_name(host: str, port: int) -> str:
    """As ssh writes it into ``known_hosts`` when nobody gives an alias."""
    return host.lower() if port == DEFAULT_PORTS["ssh"] else f"[{host.lower()}]:{port}"


def _destination(location: Location) -> str:
    user, at, _ = location.url.removeprefix("ssh://").partition("/")[0].partition("@")
    return f"{user}@{location.host}" if at else location.host
