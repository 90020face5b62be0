"""The addresses behind a host's name, as this machine finds them."""

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives every address of a host and port, best first; raises `Unresolved`."""

# Threads of its own: a name server that says nothing holds one for half a minute, and others
# have to do with the loop's.
_LOOKUPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


class Unresolved(Exception):
    """Nobody says where a host is; its text is fit for people, and waiting may cure it."""


async def system(host: str, port: int) -> Sequence[str]:
    """Asks what the machine's own programs ask: its hosts file, its name servers."""
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, ask)
    except (OSError, UnicodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else None
        raise Unresolved(f"could not resolve host {host}: {why or 'it is no name'}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
