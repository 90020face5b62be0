"""What a job means to publish, frozen before the first push."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from services.orchestrator.jobs.forge import PullRequest, PullState, WantedPullRequest


class Phase(StrEnum):
    """How far publishing is; it only ever moves forward."""

    INTENT = auto()
    PUSHED = auto()
    """The branch is at the commit."""
    OPENED = auto()
    """There is a pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The one commit of a job and the branch it goes to."""

    branch: str
    expected: str
    """The commit the remote branch must have before the push; empty for absent."""
    base_commit: str
    tree: str
    commit: str
    message: str
    phase: Phase = Phase.INTENT
    pull_request: WantedPullRequest | None = None
    """None where the branch is all that is asked for."""
    request_time: datetime | None = None
    """When the last request that may have opened the pull request began."""
    pull_number: int | None = None


def marker(job_id: str) -> str:
    """What a job's commit and pull request are known by; their last lines begin with it."""
    return f"Pawl-Job: {job_id}"


def trailer(job_id: str, digest: str) -> str:
    """The marker with the digest of the plan that the job carried out."""
    return f"{marker(job_id)} {digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which pull request is the job's; none of those there are, where `ours` is None."""

    ours: PullRequest | None = None
    duplicates: tuple[int, ...] = ()
    """The numbers of further ones that say they are this job's."""


def choose(found: Sequence[PullRequest], wanted: WantedPullRequest, commit: str) -> Choice:
    """Tells a job's own pull request from others that a look-up finds.

    One that holds the job's marker is the job's whatever people have done with it: it was
    merged or closed because somebody decided so. One without is somebody's own. It is taken
    where it is open from our branch into our base, since the forge keeps to one; or where it
    shows our very commit. An older one of a branch whose name is used again is neither. Nobody
    else can write to our branch's repository, so what comes from another one never counts.
    """
    near = _near(found, wanted)
    marked = [one for one in near if one.marked]
    if marked:
        return Choice(ours=marked[0], duplicates=tuple(one.number for one in marked[1:]))
    for one in near:
        if one.state is PullState.OPEN and one.base_branch == wanted.base_branch:
            return Choice(ours=one)
    for one in near:
        if one.head_commit == commit:
            return Choice(ours=one)
    return Choice()


def compare(found: Sequence[PullRequest], publication: Publication) -> Choice:
    """Tells the job's recorded pull request from others that say they are the job's.

    The recorded one stays the job's, whatever its number: the job has told of it. `ours` is
    None where `found` does not show it. Where none is recorded, `choose` decides.
    """
    wanted, recorded = publication.pull_request, publication.pull_number
    if wanted is None:
        return Choice()
    if recorded is None:
        return choose(found, wanted, publication.commit)
    near = _near(found, wanted)
    return Choice(
        ours=next((one for one in near if one.number == recorded), None),
        duplicates=tuple(one.number for one in near if one.marked and one.number != recorded),
    )


def _near(found: Sequence[PullRequest], wanted: WantedPullRequest) -> list[PullRequest]:
    near = [one for one in found if not one.foreign and one.head_branch == wanted.head_branch]
    return sorted(near, key=lambda one: one.number)
