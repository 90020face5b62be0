"""Whether the fleet can take a job and, if not, for want of what."""

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.eligibility import (
    Eligible,
    Missing,
    Offer,
    Offers,
    eligible,
    missing_capabilities,
)
from services.orchestrator.jobs.job import JobId, JobState


def needing(*capabilities: str, runner_id: str = "") -> Candidate:
    """A job that needs these."""
    return Candidate(
        job_id=JobId("job"),
        state=JobState.QUEUED,
        capabilities=capabilities,
        runner_id=runner_id,
    )


def offer(
    runner_id: str,
    *capabilities: str,
    free: int = 1,
    draining: bool = False,
    reachable: bool = True,
) -> Offer:
    """A runner's offer."""
    return Offer(
        runner_id=runner_id,
        capabilities=frozenset(capabilities),
        free_slots=free,
        draining=draining,
        reachable=reachable,
    )


def fleet(*runners: Offer) -> Offers:
    """Runners, to each of which the orchestrator adds git."""
    return Offers(runners=runners, own=frozenset({"git"}))


def test_the_runner_with_the_most_room_comes_first() -> None:
    offers = fleet(offer("a", "codex"), offer("b", "codex", free=3), offer("c", "claude"))

    assert eligible(needing("codex", "git"), offers) == Eligible(("b", "a"))


def test_what_nobody_offers_is_named() -> None:
    offers = fleet(offer("a", "codex"))

    assert eligible(needing("codex", "git", "gh", "docker"), offers) == Missing(
        capabilities=("gh", "docker")
    )


def test_capabilities_must_come_together_in_one_runner() -> None:
    offers = fleet(offer("a", "codex"), offer("b", "docker", "qdrant"))

    missing = eligible(needing("codex", "docker", "qdrant"), offers)

    assert missing == Missing(capabilities=("codex",))


def test_a_full_runner_that_fits_is_want_of_room() -> None:
    offers = fleet(offer("a", "codex", free=0), offer("b", "claude"))

    assert eligible(needing("codex"), offers) == Missing(room=True)


def test_runners_that_leave_or_do_not_answer_offer_nothing() -> None:
    offers = fleet(offer("a", "codex", draining=True), offer("b", "codex", reachable=False))

    assert eligible(needing("codex", "git"), offers) == Missing(capabilities=("codex",))


def test_the_holder_of_the_workspace_takes_the_job_although_it_is_full() -> None:
    offers = fleet(offer("a", "codex", free=5), offer("b", "codex", free=0, draining=True))

    assert eligible(needing("codex", runner_id="b"), offers) == Eligible(("b",))


def test_without_runners_all_is_missing_that_the_orchestrator_does_not_add() -> None:
    assert missing_capabilities(("codex", "git"), fleet()) == ("codex",)
    assert eligible(needing("git"), fleet()) == Missing()
