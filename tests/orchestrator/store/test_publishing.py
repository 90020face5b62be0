"""What a job means to publish is kept as it was frozen, and only ever goes forward."""

from dataclasses import replace

from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.publishing import Phase
from tests.orchestrator.store.claiming import PUBLICATION, Rig
from tests.support.jobs import fact

WANTED = WantedPullRequest(
    head_branch="task/1", base_branch="main", title="A title", body="A body\x00", labels=("one",)
)


async def test_the_pull_request_is_frozen_with_the_intent(rig: Rig) -> None:
    claim = await rig.claim()
    await rig.store.intend(claim, replace(PUBLICATION, pull_request=WANTED), fact())

    await rig.store.intend(claim, PUBLICATION, fact("again"))

    kept = await rig.store.publication(claim.job_id)
    assert kept is not None
    assert kept.pull_request is not None
    assert kept.pull_request.labels == ("one",)
    assert "\x00" not in kept.pull_request.body
    assert (kept.phase, kept.request_time, kept.pull_number) == (Phase.INTENT, None, None)


async def test_a_request_is_dated_and_its_pull_request_is_recorded_once(rig: Rig) -> None:
    claim = await rig.claim()
    await rig.store.intend(claim, replace(PUBLICATION, pull_request=WANTED), fact())
    await rig.store.reach(claim, Phase.PUSHED, fact())

    await rig.store.request_pull_request(claim)
    await rig.store.opened_pull_request(claim, fact("opened"), number=7, url="https://f/7")
    await rig.store.opened_pull_request(claim, fact("again"), number=8, url="https://f/8")

    kept, job = await rig.store.publication(claim.job_id), await rig.store.job(claim.job_id)
    assert kept is not None
    assert job is not None
    assert (kept.phase, kept.pull_number, job.pull_request_url) == (Phase.OPENED, 7, "https://f/7")
    assert kept.request_time is not None
    assert "again" not in await rig.types(claim)
