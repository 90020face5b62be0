"""Serves a fake forge in a process of its own until interrupted; prints its address first."""

import argparse
import signal
from pathlib import Path

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge


def main() -> None:
    """Reads the arguments and serves."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--audit", type=Path, required=True)
    arguments.add_argument("--repositories", type=Path, required=True, help="OWNER/NAME.git in it")
    arguments.add_argument("--answers", type=Path, help="takes down each unfaithful answer")
    arguments.add_argument("--token", default="test-token")
    arguments.add_argument("--token-file", type=Path, help="holds a token instead")
    arguments.add_argument("--person", help="the token of somebody who may steer the forge")
    given = arguments.parse_args()
    repositories = {}
    for git in sorted(given.repositories.glob("*/*.git")):
        owner, name = git.parent.name, git.name.removesuffix(".git")
        repositories[f"{owner}/{name}"] = Repository(owner, name, git)
    token = given.token_file.read_text().strip() if given.token_file else given.token
    forge = FakeForge(
        Audit(given.audit),
        {token: "pawl"} | ({given.person: "person"} if given.person else {}),
        repositories,
        people=frozenset({"person"}),
        answers=Audit(given.answers) if given.answers else None,
    )
    # Blocked before the server's threads begin, so that only sigwait takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with fake_forge(forge, port=given.port):
        print(forge.url, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


main()
