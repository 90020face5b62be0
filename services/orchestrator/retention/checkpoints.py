"""Removes the refs of jobs that cannot be opened again."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path

from services.orchestrator.jobs.retention import Retaining
from services.orchestrator.retention.tally import Tally
from services.orchestrator.source.git import Git
from services.orchestrator.source.scratch import scratch

JOBS_AT_ONCE = 100
REFS_AT_ONCE = 500
OURS = "refs/pawl/"
DUE = "prune.due"
"""Says that a mirror holds what no ref reaches any more."""


async def give_up_checkpoints(store: Retaining, *, older_than: timedelta) -> None:
    """Notes which jobs' checkpoints go: from then on RetryJob refuses them."""
    while True:
        given_up = await store.give_up_checkpoints(older_than=older_than, limit=JOBS_AT_ONCE)
        if len(given_up) < JOBS_AT_ONCE:
            return


async def remove_refs(store: Retaining, git: Git, git_dir: Path, tally: Tally) -> None:
    """Removes, from one mirror, the refs of jobs whose checkpoints were given up.

    What was given up says which they are, not their age: so a round that is killed is made up
    for by the next one, and two at once delete the same. Refs of jobs that this store does not
    know are left alone.
    """
    with scratch(git_dir / "scratch") as folder:
        listing = folder / "refs"
        await git.run(
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            OURS,
            git_dir=git_dir,
            stdout=listing,
        )
        for page in _pages(listing):
            gone = await store.given_up_checkpoints({_job_of(ref) for _, ref in page})
            doomed = [(commit, ref) for commit, ref in page if _job_of(ref) in gone]
            if doomed:
                # First: a crash after the refs have gone must not leave the objects for ever.
                (git_dir / DUE).touch()
                lines = "".join(f"delete {ref} {commit}\n" for commit, ref in doomed)
                await git.run("update-ref", "--stdin", git_dir=git_dir, stdin=lines.encode())
                tally.add("checkpoints", len(doomed))


def _pages(listing: Path) -> Iterator[Sequence[tuple[str, str]]]:
    with listing.open(encoding="utf-8", errors="surrogateescape") as lines:
        while page := list(islice(lines, REFS_AT_ONCE)):
            pairs = (line.rstrip("\n").split(" ", 1) for line in page)
            yield [(commit, ref) for commit, ref in pairs]


def _job_of(ref: str) -> str:
    return ref.removeprefix(OURS).partition("/")[0]
