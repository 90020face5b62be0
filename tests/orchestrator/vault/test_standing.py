"""Those who run the orchestrator hear what is wrong with its Vault before a job does."""

import threading
from dataclasses import replace

import pytest

from pawl.storage import Concern, Storage, utc_now
from services.orchestrator.preflight import Preflight
from services.orchestrator.vault import standing as module
from services.orchestrator.vault.keys import VaultKeys
from services.orchestrator.vault.standing import VaultStanding
from tests.support.fake_vault import FakeVault

HOUR = 3600


@pytest.fixture(autouse=True)
def whole(vault: FakeVault) -> None:
    vault.mounts["old"] = "1"


async def told(keys: VaultKeys) -> dict[str, Concern]:
    return {one.reason: one for one in await VaultStanding(keys=keys).concerns()}


async def test_a_vault_that_serves_is_nothing_to_look_at(vault: FakeVault, keys: VaultKeys) -> None:
    assert await told(keys) == {}
    assert vault.reads("kv/team/git") == 0


async def test_a_vault_that_does_not_serve_is_told_of(vault: FakeVault, keys: VaultKeys) -> None:
    vault.sealed = True

    found = await told(keys)

    assert found.keys() == {"VAULT_AWAY"}
    assert found["VAULT_AWAY"].grave
    assert "sealed" in found["VAULT_AWAY"].message
    assert "PAWL_VAULT_ADDR" in found["VAULT_AWAY"].remedy


async def test_a_vault_that_says_nothing_is_not_waited_for(
    vault: FakeVault, keys: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    vault.held = threading.Event()

    assert "said nothing" in (await told(keys))["VAULT_AWAY"].message


async def test_a_token_that_is_not_taken_is_told_of_without_its_value(
    vault: FakeVault, keys: VaultKeys
) -> None:
    keys.token_file.write_text("hvs.another")

    found = await told(keys)

    assert found.keys() == {"VAULT_TOKEN_REFUSED"}
    assert "PAWL_VAULT_TOKEN_FILE" in found["VAULT_TOKEN_REFUSED"].remedy
    assert "hvs.another" not in f"{found}"


async def test_a_file_without_a_token_is_named(keys: VaultKeys) -> None:
    keys.token_file.write_text("")

    assert str(keys.token_file) in (await told(keys))["VAULT_TOKEN_REFUSED"].message


async def test_a_mount_that_is_not_there_is_named(vault: FakeVault, keys: VaultKeys) -> None:
    vault.mounts["old"] = "pki"

    found = await told(keys)

    assert found.keys() == {"VAULT_MOUNT_UNUSABLE"}
    assert "secrets of old" in found["VAULT_MOUNT_UNUSABLE"].message


async def test_a_vault_that_no_task_may_use_is_told_of(keys: VaultKeys) -> None:
    found = await told(replace(keys, mounts=()))

    assert found.keys() == {"VAULT_NO_MOUNTS"}
    assert not found["VAULT_NO_MOUNTS"].grave


async def test_a_token_that_may_not_look_at_itself_is_no_trouble(
    vault: FakeVault, keys: VaultKeys
) -> None:
    vault.knows_itself = False

    assert await told(keys) == {}


@pytest.mark.parametrize(
    ("left", "renewable", "grave"),
    [
        (25 * HOUR, False, None),
        (23 * HOUR, False, False),
        (HOUR // 2, False, True),
        (2 * HOUR, True, None),
        (HOUR // 2, True, False),
    ],
)
async def test_a_token_that_ends_soon_is_told_of(
    vault: FakeVault, keys: VaultKeys, left: int, renewable: bool, grave: bool | None
) -> None:
    vault.ttl, vault.renewable = left, renewable

    found = (await told(keys)).get("VAULT_TOKEN_ENDS")

    assert (found.grave if found else None) is grave


async def test_a_report_holds_what_is_wrong_with_the_vault(
    vault: FakeVault, keys: VaultKeys
) -> None:
    class Nothing:
        async def report(self) -> Storage:
            return Storage(time=utc_now(), concerns=())

    class Silent:
        """A forge that is not asked: there is no token of the deployment's."""

    vault.sealed = True
    preflight = Preflight(
        keeping=Nothing(),
        forge=Silent(),  # type: ignore[arg-type]
        url="https://api.github.com",
        token_file=None,
        vault=VaultStanding(keys=keys),
    )

    assert [one.reason for one in (await preflight.report()).concerns] == ["VAULT_AWAY"]
