"""A key's file that is replaced as a job publishes ends no job."""

from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import JobState
from services.orchestrator.source.key_files import NoKeyInFile
from services.orchestrator.source.keyring import Keyring
from tests.orchestrator.drive.house import house_at, plan
from tests.support.scripted_keys import ScriptedKeys
from tests.support.stage import Stage

NONE = NoKeyInFile(Failure(Reason.REPO_AUTH, "the file is empty", "Put one there."))


async def writing(stage: Stage) -> None:
    (stage.tree / "a").write_text("new\n")


@pytest.mark.parametrize(("times", "reason"), [(2, None), (3, Reason.PUBLISH_AUTH)])
async def test_what_must_not_be_published_is_asked_for_again(
    tmp_path: Path, times: int, reason: Reason | None
) -> None:
    """An orchestrator that does not know its own token cannot tell whether a result holds it."""
    keys = ScriptedKeys(known_troubles=[NONE] * times)
    async with house_at(tmp_path, keys=Keyring(file=keys)) as house:
        job = await house.ended(
            await house.submit(writing, request=plan(house.origin, steps=1, mode="branch"))
        )

    assert (job.state is JobState.SUCCEEDED) == (reason is None)
    assert (job.failure.reason if job.failure else None) is reason
