"""The push of one exact commit to one branch of origin."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from pawl.wire.faultpoints import Point, answered, begin
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason, failed
from services.orchestrator.source.git import (
    OBJECT_ID,
    Completed,
    GitFailed,
    GitSaidTooMuch,
    GitTimedOut,
)
from services.orchestrator.source.keys import NO_REFS, AuthRefs, KeyAway, Purpose
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.rest import Rest, sleep
from services.orchestrator.source.words import (
    FOR_GOOD,
    PASSING,
    Trouble,
    detail,
    remedy,
    remote_words,
    trouble,
)

PUSH_TIMEOUT = timedelta(seconds=120)
READ_TIMEOUT = timedelta(seconds=30)
REFUSALS = 3
"""So many that a moment may cure are believed."""
DECLINED = "!"
NO_STEP = "A retry runs no step again. The result is the artifact patches/changes.patch, too."
"""What every remedy ends with: to retry the job is to publish it, and no more."""


class _Doubtful(JobFailed):
    """A refusal that a moment may cure.

    A host's servers hear of a new token, and of its rights, one after the other. And a
    repository that the job has been prepared from may be away only while it is moved.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The branch is at the commit."""

    branch: str
    commit: str
    already: bool
    """It was there before this call: an earlier push whose answer was lost."""


async def push(
    mirror: Mirror,
    *,
    commit: str,
    branch: str,
    expected: str | None,
    refs: AuthRefs = NO_REFS,
    proceed: Callable[[], None] = lambda: None,
    pauses: Iterable[timedelta] | None = None,
    apart: timedelta = timedelta(),
    rest: Rest = sleep,
) -> Pushed:
    """Moves `branch` of origin from `expected` (None: it must not exist) to `commit`.

    Never forced: `expected` must be an ancestor of `commit`. `proceed` is called right before
    each try; what it raises stops the push (the lease rule goes there). A refused token is
    renewed once. What a moment may cure, as that it is refused still or that there is no such
    repository, is believed after `REFUSALS` that are `apart` at least. Repeating the call after
    success succeeds. Raises `JobFailed` with PUBLISH_CONFLICT (the branch is elsewhere; names its
    commit), PUBLISH_AUTH, PUBLISH_REJECTED (with the remote's words), PUBLISH_UNAVAILABLE (after
    its tries, `pauses` apart, or as far as fetches are).
    """
    await _refuse_force(mirror, commit, expected)
    waits = iter(mirror.origin.limits.pauses if pauses is None else pauses)
    refusals = 0
    while True:
        proceed()
        try:
            outcome = await _once(mirror, commit, branch, expected, refs)
        except JobFailed as stopped:
            raise told_as_publishing(stopped) from None
        if isinstance(outcome, Pushed):
            return outcome
        reason = outcome.failure.reason
        renewed, again, least = False, reason is Reason.PUBLISH_UNAVAILABLE, timedelta()
        if isinstance(outcome, _Doubtful):
            refusals += 1
            if reason is Reason.PUBLISH_AUTH and refusals == 1:
                renewed = await mirror.origin.renewed(refs, Purpose.PUBLISH)
            again, least = refusals < REFUSALS, apart
        pause = next(waits, None) if again else None
        if pause is None and not renewed:
            raise outcome
        if pause is not None:
            await rest(max(pause, least))


async def _refuse_force(mirror: Mirror, commit: str, expected: str | None) -> None:
    if not OBJECT_ID.fullmatch(commit):
        raise ValueError("a push needs a full id")
    if expected is None:
        return
    done = await mirror.run("merge-base", "--is-ancestor", expected, commit, accept=(0, 1))
    if done.code:
        raise ValueError(f"{commit} does not continue {expected}: the push would be forced")


async def _once(
    mirror: Mirror, commit: str, branch: str, expected: str | None, refs: AuthRefs
) -> Pushed | JobFailed:
    """One try, and what became of it."""
    said: Completed | None
    try:
        said = await _try(mirror, commit, branch, expected, refs)
        answered(Point.B4, GitTimedOut)
    except (GitTimedOut, GitFailed, GitSaidTooMuch):
        said = None
    except KeyAway as away:
        return _unavailable(mirror.location.url, away.words)
    if said is not None and said.code == 0:
        return Pushed(branch=branch, commit=commit, already=_flag(said) == "=")
    problem = await _judge(mirror, said, commit, branch, expected, refs=refs)
    return problem or Pushed(branch=branch, commit=commit, already=False)


async def _try(
    mirror: Mirror, commit: str, branch: str, expected: str | None, refs: AuthRefs
) -> Completed:
    ref = f"refs/heads/{branch}"
    return await mirror.origin.run(
        "push",
        "--porcelain",
        "--no-verify",
        "--no-follow-tags",
        "--no-signed",
        "--recurse-submodules=no",
        # Not force: it is git's only way to name the old value, and makes the update of
        # anything else fail.
        f"--force-with-lease={ref}:{expected or ''}",
        "--no-force-if-includes",
        "--end-of-options",
        mirror.location.url,
        f"{commit}:{ref}",
        timeout=PUSH_TIMEOUT,
        accept=range(256),
        begun=lambda: begin(Point.B4),
        refs=refs,
        purpose=Purpose.PUBLISH,
    )


async def _judge(
    mirror: Mirror,
    said: Completed | None,
    commit: str,
    branch: str,
    expected: str | None,
    *,
    refs: AuthRefs,
) -> JobFailed | None:
    """Why a try failed; None where it did not, whatever its answer was."""
    url = mirror.location.url
    words = said.stderr if said else "fatal: the push took too long"
    kind = trouble(words)
    answered = said is not None and _flag(said) == DECLINED
    if not answered and kind is not Trouble.UNREACHABLE:
        return _not_taken(mirror, kind, words, refs)
    try:
        there = await mirror.origin.branch(branch, timeout=READ_TIMEOUT, refs=refs)
    except (GitFailed, GitTimedOut, GitSaidTooMuch, KeyAway):
        return _unavailable(url, words)
    if there == commit:
        return None
    if there != expected:
        return _conflict(url, branch, there, expected)
    if not answered or said is None:
        return _unavailable(url, words)
    why = _why(said)
    if PASSING.search(why) and not FOR_GOOD.search(why):
        return failed(
            Reason.PUBLISH_UNAVAILABLE,
            f"{url} could not take the push to {branch}: {why}",
            f"Retry the job when the host takes pushes again. {NO_STEP}",
        )
    return failed(
        Reason.PUBLISH_REJECTED,
        f"{url} declined the push to {branch}: {why}",
        f"Change what the remote's rules or hooks object to, then retry the job. {NO_STEP}",
    )


def _not_taken(mirror: Mirror, kind: Trouble, words: str, refs: AuthRefs) -> JobFailed:
    auth = kind in {Trouble.AUTH, Trouble.HOST_KEY}
    told = Failure(
        Reason.PUBLISH_AUTH if auth else Reason.PUBLISH_REJECTED,
        f"{mirror.location.url} did not take the push: {detail(words)}",
        f"{remedy(kind, mirror.location, refs.of(Purpose.PUBLISH))} {NO_STEP}",
    )
    return _Doubtful(told) if auth or kind is Trouble.NOT_FOUND else JobFailed(told)


def told_as_publishing(problem: JobFailed) -> JobFailed:
    """A key's trouble with reading, told as the publish stage's; others as they are."""
    known = problem.failure
    if known.reason is not Reason.REPO_AUTH:
        return problem
    return failed(Reason.PUBLISH_AUTH, known.message, known.remedy)


def _conflict(url: str, branch: str, there: str | None, expected: str | None) -> JobFailed:
    if there is None:
        message = f"Branch {branch} of {url} is gone; the job started from it at {expected}."
    elif expected is None:
        message = f"Branch {branch} of {url} exists already, at commit {there}."
    else:
        message = f"Branch {branch} of {url} has moved from {expected} to {there}."
    return failed(
        Reason.PUBLISH_CONFLICT,
        message,
        "Nothing was overwritten. Move or delete the branch, then retry the job. Or submit the "
        f"task with another task.git.newBranch. {NO_STEP}",
    )


def _unavailable(url: str, words: str) -> JobFailed:
    return failed(
        Reason.PUBLISH_UNAVAILABLE,
        f"{url} did not answer the push: {detail(words)}",
        f"Retry the job when the host answers again. {NO_STEP}",
    )


def _flag(said: Completed) -> str:
    """The one character by which ``--porcelain`` tells what became of our only ref."""
    for line in said.stdout.decode("utf-8", "replace").splitlines():
        if "\t" in line and line[1:2] == "\t":
            return line[0]
    return ""


def _why(said: Completed) -> str:
    """The remote's reason: git's summary of it, then the remote's own words."""
    lines = said.stdout.decode("utf-8", "replace").splitlines()
    summary = next((line.split("\t")[-1] for line in lines if line.startswith("!\t")), "")
    clean = "".join(c if c.isprintable() else "?" for c in summary)[:300]
    return ": ".join(part for part in (clean, remote_words(said.stderr)) if part)
