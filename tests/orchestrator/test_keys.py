"""The keys that the orchestrator makes of its settings."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.orchestrator.app import _keys
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.settings import Settings
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import NO_REFS, AuthRefs, Purpose, Token
from services.orchestrator.source.location import Location, locate
from tests.support.fake_vault import FakeVault, fake_vault

NAMED = AuthRefs(repo="vault://kv/team#token")


def at(repository: str) -> Location:
    return locate(repository, forge_url="https://github.com", allow_local=True)


def told(folder: Path, vault: FakeVault, **more: object) -> Settings:
    for name in ("vault-token", "forge-token"):
        (folder / name).write_text({"vault-token": vault.token}.get(name, "of-the-deployment"))
    return Settings.model_validate(
        {
            "data_dir": folder,
            "github_token_file": folder / "forge-token",
            "vault_addr": vault.address,
            "vault_token_file": folder / "vault-token",
            "vault_mounts": ("kv",),
            **more,
        }
    )


async def test_a_task_gets_the_secret_it_names_and_others_the_deployments_token(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as lives:
        vault = lives.enter_context(fake_vault())
        vault.secrets = {"kv/team": {"token": "of-the-team"}}
        keys = await _keys(told(tmp_path, vault), None, lives)

        assert await keys.token(at("ada/engine"), NAMED, Purpose.READ) == Token("of-the-team")
        deployments = await keys.token(at("ada/engine"), NO_REFS, Purpose.READ)
        assert deployments == Token("of-the-deployment")
        assert set(keys.known()) == {"of-the-team", "of-the-deployment"}


@pytest.mark.parametrize(
    ("more", "sent"),
    [({}, False), ({"allowed_hosts": ("git.example",)}, True), ({"vault_mounts": ()}, False)],
)
async def test_a_secret_goes_where_the_settings_say(
    tmp_path: Path, more: dict[str, object], sent: bool
) -> None:
    async with AsyncExitStack() as lives:
        vault = lives.enter_context(fake_vault())
        vault.secrets = {"kv/team": {"token": "of-the-team"}}
        keys: Keyring = await _keys(told(tmp_path, vault, **more), None, lives)
        asked = keys.token(at("https://git.example/ada/engine"), NAMED, Purpose.READ)

        if sent:
            assert await asked == Token("of-the-team")
            return
        with pytest.raises(JobFailed, match="REPO_AUTH"):
            await asked
    assert vault.requests == []
