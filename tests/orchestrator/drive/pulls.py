"""Jobs whose result is to become a pull request, and what was told of it."""

from services.orchestrator.jobs.forge import ForgeAway, WantedPullRequest
from services.orchestrator.jobs.job import Job, JobId
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import writes
from tests.support.stage import Script

AWAY = ForgeAway("scripted to be away")


async def done(house: House, script: Script | None = None, **asked: str) -> Job:
    script = script or writes("a")
    request = plan(house.origin, steps=1, mode="pr", **asked)  # type: ignore[arg-type]
    return await house.ended(await house.submit(script, request=request))


async def payload_of(house: House, job_id: JobId, event_type: str) -> dict[str, object]:
    found = [one for one in await house.events(job_id) if one.type == event_type]
    assert len(found) == 1, event_type
    return dict(found[0].payload)


def other(head: str, body: str = "", base: str = "main") -> WantedPullRequest:
    return WantedPullRequest(head_branch=head, base_branch=base, title="Other", body=body)
