"""A job gets the value its task names, from the Vault each time, or is told why not."""

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.keys import NO_REFS, AuthRefs, KeyAway, Purpose, Token
from services.orchestrator.source.location import Location, locate
from services.orchestrator.vault.keys import LATELY_SECONDS, MOST_REMEMBERED, VaultKeys
from services.orchestrator.vault.reading import Vault
from tests.orchestrator.vault.conftest import VALUE
from tests.support.fake_vault import FakeVault

READ = AuthRefs(repo="vault://kv/team/git#token")


def at(repository: str = "ada/engine") -> Location:
    return locate(repository, forge_url="https://github.com", allow_local=True)


async def value(
    keys: VaultKeys, refs: AuthRefs = READ, purpose: Purpose = Purpose.READ
) -> str | None:
    token = await keys.token(at(), refs, purpose)
    return token.value if token else None


async def refused(
    keys: VaultKeys, refs: AuthRefs = READ, purpose: Purpose = Purpose.READ
) -> JobFailed:
    with pytest.raises(JobFailed) as told:
        await keys.token(at(), refs, purpose)
    return told.value


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_secret_is_read_whichever_version_the_mount_has(
    vault: FakeVault, keys: VaultKeys, version: str
) -> None:
    vault.mounts["kv"] = version

    assert await value(keys) == VALUE
    assert set(vault.tokens) == {vault.token}


async def test_a_secret_of_a_nested_mount_is_read(vault: FakeVault, keys: VaultKeys) -> None:
    vault.mounts["kv"] = "1"
    vault.secrets["kv/a/b/c"] = {"deep": "ghp_Deep00000001"}

    assert await value(keys, AuthRefs(repo="vault://kv/a/b/c#deep")) == "ghp_Deep00000001"


async def test_nothing_is_asked_where_a_task_names_nothing(
    vault: FakeVault, keys: VaultKeys
) -> None:
    assert await value(keys, NO_REFS) is None
    assert vault.requests == []


@pytest.mark.parametrize(
    ("refs", "expected"),
    [
        (AuthRefs(repo="vault://kv/team/git#token"), VALUE),
        (AuthRefs(publish="vault://kv/team/push#token"), "ghp_Push00000001"),
        (
            AuthRefs(repo="vault://kv/team/git#token", publish="vault://kv/team/push#token"),
            "ghp_Push00000001",
        ),
    ],
)
async def test_what_is_named_to_publish_counts_before_what_is_named_to_read(
    vault: FakeVault, keys: VaultKeys, refs: AuthRefs, expected: str
) -> None:
    vault.secrets["kv/team/push"] = {"token": "ghp_Push00000001"}

    assert await value(keys, refs, Purpose.PUBLISH) == expected


async def test_a_value_is_read_anew_each_time(vault: FakeVault, keys: VaultKeys) -> None:
    await value(keys)
    vault.secrets["kv/team/git"] = {"token": "ghp_Rotated00001"}

    assert await value(keys) == "ghp_Rotated00001"
    assert vault.reads("kv/team/git") == 2


async def test_the_vaults_own_token_is_read_anew_each_time(
    vault: FakeVault, keys: VaultKeys
) -> None:
    await value(keys)
    vault.token = "hvs.renewed"
    keys.token_file.write_text("hvs.renewed")

    assert await value(keys) == VALUE


@pytest.mark.parametrize(
    ("purpose", "reason"),
    [(Purpose.READ, Reason.REPO_AUTH), (Purpose.PUBLISH, Reason.PUBLISH_AUTH)],
)
@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("vault://other/team/git#token", "PAWL_VAULT_MOUNTS"),
        ("vault://sys/internal/counters#data", "PAWL_VAULT_MOUNTS"),
        ("vault://kv/team/none#token", "no such secret"),
        ("vault://kv/team/gone#token", "no such secret"),
        ("vault://kv/team/closed#token", "does not let"),
        ("vault://kv/team/git#none", "no field none"),
        ("vault://kv/team/git#number", "no text"),
        ("vault://kv/team/git#empty", "no token"),
        ("vault://kv/team/odd#lines", "no token"),
        ("vault://kv/team/odd#letters", "no token"),
        ("vault://old/team#token", "does not let"),
        ("ghp_NotAReference", "vault://mount/path#field"),
    ],
)
async def test_what_cannot_be_used_is_told_by_its_name(
    vault: FakeVault,
    keys: VaultKeys,
    reference: str,
    named: str,
    purpose: Purpose,
    reason: Reason,
) -> None:
    vault.secrets["kv/team/gone"] = None
    vault.secrets["kv/team/closed"] = {"token": VALUE}
    vault.secrets["kv/team/odd"] = {"lines": "one\ntwo", "letters": "ключ-от-всего"}
    vault.forbidden = {"kv/team/closed"}

    told = await refused(keys, AuthRefs(repo=reference), purpose)

    assert told.failure.reason is reason
    assert named in told.failure.message
    assert VALUE not in str(told)
    assert "ghp_NotAReference" not in str(told)


async def test_an_engine_that_lends_is_not_read(vault: FakeVault, keys: VaultKeys) -> None:
    """A lease would have to be given back; nobody would."""
    vault.mounts["kv"] = "github"

    told = await refused(keys)

    assert "no store of keys and values" in told.failure.message
    assert vault.reads("kv/team/git") == 0


async def test_a_mount_that_is_none_of_vaults_is_told(vault: FakeVault, keys: VaultKeys) -> None:
    """An entry of PAWL_VAULT_MOUNTS that is a folder of a mount."""
    vault.mounts = {"old/nested": "2"}
    vault.secrets["old/nested/git"] = {"token": VALUE}

    told = await refused(keys, AuthRefs(repo="vault://old/nested/git#token"))

    assert told.failure.reason is Reason.REPO_AUTH
    assert vault.reads("old/nested/git") == 0


async def test_a_secret_goes_to_no_host_that_the_operator_has_not_named(
    vault: FakeVault, keys: VaultKeys
) -> None:
    """Whoever submits a task names the host, too."""
    location = at("https://elsewhere.example/a/b")

    with pytest.raises(JobFailed, match=r"REPO_AUTH.*elsewhere\.example") as told:
        await keys.token(location, READ, Purpose.READ)

    assert "PAWL_ALLOWED_HOSTS" in told.value.failure.remedy
    assert vault.requests == []


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff"])
async def test_a_file_without_the_vaults_token_is_told_of_by_its_setting(
    vault: FakeVault, keys: VaultKeys, content: bytes
) -> None:
    keys.token_file.write_bytes(content)

    told = await refused(keys)

    assert "PAWL_VAULT_TOKEN_FILE" in told.failure.message
    assert vault.requests == []


async def test_a_vaults_token_that_is_being_replaced_is_waited_for(keys: VaultKeys) -> None:
    whole = keys.token_file.read_bytes()
    keys.token_file.write_bytes(b"")
    patient = replace(keys, pauses=[timedelta(seconds=0.01)] * 500)

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(patient.token(at(), READ, Purpose.READ))
        await asyncio.sleep(0)
        keys.token_file.write_bytes(whole)

    assert asking.result() == Token(VALUE)


async def away(keys: VaultKeys) -> KeyAway:
    with pytest.raises(KeyAway) as told:
        await keys.token(at(), READ, Purpose.READ)
    return told.value


@pytest.mark.parametrize("status", [429, 500, 501, 502, 503, 504, 412, 473])
async def test_a_vault_that_does_not_serve_is_away(
    vault: FakeVault, keys: VaultKeys, status: int
) -> None:
    vault.answer = status

    assert "Vault" in (await away(keys)).words


async def test_a_sealed_vault_is_told_so(vault: FakeVault, keys: VaultKeys) -> None:
    vault.sealed = True

    assert "sealed" in (await away(keys)).words


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_the_vaults_token_follows_no_redirect(
    vault: FakeVault, keys: VaultKeys, status: int
) -> None:
    vault.answer = status
    vault.location = vault.address

    assert "elsewhere" in (await away(keys)).words
    assert len(vault.requests) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data": []}', b'{"data": null}', b"null", b"x" * 2_000_000]
)
async def test_what_is_no_vault_is_told_so_and_not_read_whole(
    vault: FakeVault, keys: VaultKeys, body: bytes
) -> None:
    vault.body = body

    await away(keys)


async def test_a_vault_that_says_nothing_ends_the_wait(vault: FakeVault, keys: VaultKeys) -> None:
    vault.held = threading.Event()
    began = time.monotonic()

    assert "in time" in (await away(keys)).words
    assert time.monotonic() - began < 5


async def test_a_vault_that_drips_ends_the_wait(vault: FakeVault, keys: VaultKeys) -> None:
    """Each byte comes in time; the answer does not."""
    vault.drips = True
    vault.body = b"x" * 60
    began = time.monotonic()

    assert "in time" in (await away(keys)).words
    assert time.monotonic() - began < 5


async def test_a_vault_that_is_not_there_is_away(keys: VaultKeys, tmp_path: Path) -> None:
    nowhere = VaultKeys(
        vault=Vault(address="http://127.0.0.1:9"),
        token_file=keys.token_file,
        mounts=("kv",),
        trusts=lambda _: True,
        threads=keys.threads,
    )

    assert "reached" in (await away(nowhere)).words


async def test_neither_token_nor_value_is_in_what_is_raised(
    vault: FakeVault, keys: VaultKeys
) -> None:
    vault.answer = 500

    told: BaseException | None = await away(keys)

    seen = []
    while told is not None:
        seen.append(f"{told!r} {told.__dict__}")
        told = told.__context__
    assert vault.token not in "".join(seen)


async def test_the_machines_own_variables_lead_no_token_astray(
    vault: FakeVault, keys: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_TOKEN", "another")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")

    assert await value(keys) == VALUE
    assert set(vault.tokens) == {vault.token}


@pytest.mark.parametrize(
    ("refs", "purpose", "offered"),
    [
        (NO_REFS, Purpose.READ, False),
        (READ, Purpose.READ, True),
        (READ, Purpose.PUBLISH, True),
        (AuthRefs(publish="vault://kv/a#b"), Purpose.READ, False),
    ],
)
def test_whether_there_is_a_key_is_told_without_asking(
    vault: FakeVault, keys: VaultKeys, refs: AuthRefs, purpose: Purpose, offered: bool
) -> None:
    assert keys.offers(at(), refs, purpose) is offered
    assert vault.requests == []


def test_a_reference_that_leads_nowhere_is_told_without_asking(
    vault: FakeVault, keys: VaultKeys
) -> None:
    with pytest.raises(JobFailed, match=r"PUBLISH_AUTH.*PAWL_VAULT_MOUNTS"):
        keys.offers(at(), AuthRefs(publish="vault://other/a#b"), Purpose.PUBLISH)

    assert vault.requests == []


async def test_what_was_given_out_lately_is_known(vault: FakeVault, keys: VaultKeys) -> None:
    now = 0.0
    timed = VaultKeys(
        vault=keys.vault,
        token_file=keys.token_file,
        mounts=keys.mounts,
        trusts=keys.trusts,
        threads=keys.threads,
        clock=lambda: now,
    )
    assert timed.known() == ()
    await value(timed)

    assert timed.known() == (VALUE,)
    now = LATELY_SECONDS + 1
    assert timed.known() == ()


async def test_what_is_known_has_a_bound(vault: FakeVault, keys: VaultKeys) -> None:
    for number in range(MOST_REMEMBERED + 1):
        keys._remember(f"value-{number}")

    assert len(keys.known()) == MOST_REMEMBERED
    assert "value-0" not in keys.known()


async def test_a_token_shows_no_value(keys: VaultKeys) -> None:
    token = await keys.token(at(), READ, Purpose.READ)

    assert isinstance(token, Token)
    assert VALUE not in repr((token, keys))
