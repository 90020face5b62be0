"""Whether a job would be claimed and, if not, for want of what."""

import pytest

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.eligibility import (
    Hold,
    Look,
    Obstacle,
    Offer,
    Offers,
    Process,
    Verdict,
    judge,
    missing_capabilities,
    offer_of,
)
from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.runners import KnownRunner, RunnerDescription, RuntimeCard

IDLE = Process(max_jobs=1)


def needing(
    *capabilities: str,
    runner_id: str = "",
    state: JobState = JobState.QUEUED,
    room: int | None = None,
    claimable: bool = True,
    publishing: bool = False,
) -> Candidate:
    """A job that needs these."""
    return Candidate(
        job_id=JobId("job"),
        state=state,
        capabilities=capabilities,
        runner_id=runner_id,
        room=room,
        claimable=claimable,
        publishing=publishing,
    )


def offer(
    runner_id: str,
    *capabilities: str,
    free: int = 1,
    draining: bool = False,
    reachable: bool = True,
    lame: tuple[tuple[str, str], ...] = (),
) -> Offer:
    """A runner's offer."""
    return Offer(
        runner_id=runner_id,
        capabilities=frozenset(capabilities),
        free_slots=free,
        draining=draining,
        reachable=reachable,
        lame=lame,
    )


def fleet(*runners: Offer) -> Offers:
    """Runners, to each of which the orchestrator adds git."""
    return Offers(runners=runners, own=frozenset({"git"}))


def judged(candidate: Candidate, *runners: Offer, process: Process = IDLE) -> Verdict:
    """What comes of it."""
    return judge(candidate, fleet(*runners), process)


def test_a_job_is_claimed_where_one_runner_takes_it() -> None:
    verdict = judged(needing("codex", "git"), offer("a", "claude"), offer("b", "codex"))

    assert verdict.holds == ()
    assert not verdict.housed
    assert verdict.nearest == Look(offer=offer("b", "codex"))


@pytest.mark.parametrize(
    ("runner", "obstacle"),
    [
        (offer("a", reachable=False, draining=True, free=0), Obstacle.UNREACHABLE),
        (offer("a", draining=True, free=0), Obstacle.DRAINING),
        (offer("a", free=0, lame=(("codex", "not found"),)), Obstacle.RUNTIME_UNAVAILABLE),
        (offer("a", "claude", free=0), Obstacle.CAPABILITY_MISSING),
        (offer("a", "codex", free=0), Obstacle.NO_FREE_SLOT),
    ],
    ids=lambda value: value.name if isinstance(value, Obstacle) else "",
)
def test_a_runner_fails_what_it_fails_first(runner: Offer, obstacle: Obstacle) -> None:
    verdict = judged(needing("codex", "git"), runner)

    assert verdict.holds == (Hold.NO_TAKER,)
    assert [look.obstacle for look in verdict.looks] == [obstacle]


def test_what_a_runner_lacks_is_named_with_what_its_card_says() -> None:
    runner = offer("a", "docker", lame=(("codex", "not on its PATH"),))

    (look,) = judged(needing("codex", "git", "docker", "gh"), runner).looks

    assert look.missing == ("codex", "gh")
    assert look.why == "codex: not on its PATH"


def test_capabilities_must_come_together_in_one_runner() -> None:
    runners = offer("a", "codex"), offer("b", "docker", "qdrant")

    verdict = judged(needing("codex", "docker", "qdrant"), *runners)

    assert verdict.holds == (Hold.NO_TAKER,)
    assert verdict.nearest is verdict.looks[1]
    assert verdict.nearest.missing == ("codex",)


def test_a_full_runner_that_fits_is_nearer_than_any_that_does_not() -> None:
    verdict = judged(
        needing("codex"), offer("a", "claude"), offer("b", "codex", free=0), offer("c")
    )

    assert verdict.nearest is verdict.looks[1]


def test_the_holder_of_the_workspace_goes_on_with_the_job_although_it_is_full() -> None:
    runners = offer("a", "codex", free=0), offer("b", free=0, draining=True)

    verdict = judged(needing("codex", runner_id="b", state=JobState.RUNNING), *runners)

    assert verdict.holds == ()
    assert verdict.housed


@pytest.mark.parametrize("runner_id", ["", "gone"])
def test_a_job_that_lost_its_owner_is_claimed_whatever_the_fleet_offers(runner_id: str) -> None:
    lost = needing("codex", runner_id=runner_id, state=JobState.RUNNING, room=-1)

    verdict = judged(lost, offer("a", free=0))

    assert verdict.holds == ()
    assert verdict.housed is bool(runner_id)


def test_everything_that_holds_a_job_is_told() -> None:
    process = Process(driving=[JobId("job")], max_jobs=1)

    verdict = judged(needing("codex", room=0, claimable=False), process=process)

    assert verdict.holds == tuple(Hold)
    assert verdict.nearest is None


def test_a_repository_with_room_holds_nothing() -> None:
    assert judged(needing(room=1), offer("a")).holds == ()


def test_a_runner_offers_what_it_said_last() -> None:
    said = RunnerDescription(
        runner_id="a",
        incarnation="first",
        capabilities=("claude",),
        runtimes=(
            RuntimeCard(name="claude", available=True, version="1", reason=""),
            RuntimeCard(name="codex", available=False, version="", reason="not found"),
        ),
        slots=2,
        free_slots=2,
        isolation="process",
        draining=True,
        workspace_ids=(),
    )
    known = KnownRunner(target="a:1", reachable=True, description=said, free_slots=1)

    assert offer_of(known) == Offer(
        runner_id="a",
        capabilities=frozenset({"claude"}),
        free_slots=1,
        draining=True,
        reachable=True,
        target="a:1",
        lame=(("codex", "not found"),),
    )


def test_a_runner_that_was_never_heard_offers_nothing() -> None:
    known = KnownRunner(target="a:1", reachable=False, description=None, free_slots=0)

    (look,) = judged(needing(), offer_of(known)).looks

    assert look.obstacle is Obstacle.UNREACHABLE


def test_what_nobody_offers_is_named() -> None:
    offers = fleet(offer("a", "codex"), offer("b", reachable=False), offer("c", draining=True))

    assert missing_capabilities(("codex", "git", "gh", "docker"), offers) == ("gh", "docker")


def test_without_runners_all_is_missing_that_the_orchestrator_does_not_add() -> None:
    assert missing_capabilities(("codex", "git"), fleet()) == ("codex",)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_what_only_publishes_is_claimed_whatever_the_fleet_offers(state: JobState) -> None:
    full = offer("a", "codex", free=0)

    for runners in ([], [full], [offer("b", "claude")], [offer("c", "codex")]):
        verdict = judged(needing("codex", state=state, publishing=True), *runners)

        assert verdict.holds == ()
        assert verdict.housed


def test_what_only_publishes_waits_for_its_repository_and_its_process_all_the_same() -> None:
    busy = Process(max_jobs=0)

    verdict = judged(needing("codex", room=0, publishing=True), process=busy)

    assert verdict.holds == (Hold.REPOSITORY_FULL, Hold.PROCESS_FULL)
