"""A key's file that is being replaced is waited for; one that holds none is told of."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.source.key_files import NoKeyInFile, once_there
from services.orchestrator.source.keys import NO_REFS, Purpose, Token
from services.orchestrator.source.location import locate
from services.orchestrator.source.token_file import TokenFile

FORGE = "https://github.com"
AT = locate("ada/engine", forge_url=FORGE, allow_local=False)
NONE = NoKeyInFile(Failure(Reason.REPO_AUTH, "the file is empty", "Put one there."))


def empty(path: Path) -> None:
    path.write_text("")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("away", [empty, remove])
async def test_a_token_that_is_being_replaced_is_waited_for(
    tmp_path: Path, away: Callable[[Path], None]
) -> None:
    """Whoever asked between the emptying and the writing of a file failed a job for good."""
    path = tmp_path / "token"
    path.write_text("old")
    file = TokenFile(path=path, url=FORGE, pauses=[timedelta(seconds=0.01)] * 500)
    away(path)

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(file.token(AT, NO_REFS, Purpose.PUBLISH))
        await asyncio.sleep(0)
        path.write_text("new\n")

    assert asking.result() == Token("new")


async def test_a_file_that_stays_empty_is_believed_after_its_tries() -> None:
    tries: list[None] = []

    def read() -> str:
        tries.append(None)
        raise NONE

    with pytest.raises(NoKeyInFile):
        await once_there(read, pauses=[timedelta()] * 2)

    assert len(tries) == 3
