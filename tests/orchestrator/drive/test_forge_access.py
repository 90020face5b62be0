"""Which repositories can have a pull request, and with whose token."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location, locate
from tests.orchestrator.drive.house import plan
from tests.support.scripted_forge import OneKey, ScriptedForge

FORGE = "https://forge.example"


class NoKey(Keys):
    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        return None

    @override
    def known(self) -> Sequence[str]:
        return ()


def at(repository: str) -> Location:
    return locate(repository, forge_url=FORGE, allow_local=True)


async def test_a_repository_that_is_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    forge = ScriptedForge(tmp_path)
    access = ForgeAccess(forge=forge, keys=OneKey(forge), url=FORGE)

    with pytest.raises(JobFailed, match=r"PUBLISH_REJECTED.*other\.example"):
        await access.repository(
            at("https://other.example/ada/engine"), plan(tmp_path), holder="job/1"
        )


async def test_a_repository_without_a_token_is_refused_with_a_remedy(tmp_path: Path) -> None:
    access = ForgeAccess(forge=ScriptedForge(tmp_path), keys=NoKey(), url=FORGE)

    with pytest.raises(JobFailed, match=r"PUBLISH_AUTH.*ada/engine") as refused:
        await access.repository(at("ada/engine"), plan(tmp_path), holder="job/1")

    assert "PAWL_GITHUB_TOKEN_FILE" in refused.value.failure.remedy
