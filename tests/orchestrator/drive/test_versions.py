"""What runs a step says which version it is, and a reviewer is told."""

import asyncio

from tests.orchestrator.drive.house import House, plan
from tests.support.stage import Dies, Stage


async def writes(stage: Stage) -> None:
    (stage.tree / "a").write_text("new\n")


async def test_a_running_step_tells_its_clis_version(house: House) -> None:
    release = asyncio.Event()

    async def waits(stage: Stage) -> None:
        await release.wait()

    job_id = await house.submit(waits)

    assert await house.version(job_id) == "scripted-cli 1.2.3"
    release.set()
    await house.ended(job_id)


async def test_a_pull_request_names_the_versions_that_made_it(house: House) -> None:
    async def upgrades(stage: Stage) -> None:
        (stage.tree / "b").write_text("new\n")
        house.runner.version = "scripted-cli 2.0.0"

    async def lasts(stage: Stage) -> None:
        stage.say("done")

    request = plan(house.origin, steps=3, mode="pr")
    job = await house.ended(await house.submit(writes, upgrades, lasts, request=request))

    assert [step.version for step in job.steps] == [
        "scripted-cli 1.2.3",
        "scripted-cli 1.2.3",
        "scripted-cli 2.0.0",
    ]
    row = next(line for line in house.forge.bodies[1].splitlines() if "Command line tool" in line)
    assert row == "| Command line tool | `scripted-cli 1.2.3`, `scripted-cli 2.0.0` |"


async def test_a_version_without_end_is_cut(house: House) -> None:
    house.runner.version = "x" * 1_000_000

    job = await house.ended(await house.submit(writes))

    assert job.steps[0].version == "x" * 100


async def test_an_attempt_that_starts_anew_forgets_the_lost_ones_version(house: House) -> None:
    async def lost(stage: Stage) -> None:
        house.runner.version = ""
        raise Dies

    request = plan(house.origin, steps=1)
    job = await house.ended(await house.submit(lost, writes, request=request))

    assert job.steps[0].attempt == 2
    assert job.steps[0].version == ""
