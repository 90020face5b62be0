"""A Vault with one secret, and keys that read it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.orchestrator.vault.keys import VaultKeys, vault_keys
from services.orchestrator.vault.reading import Vault
from tests.support.fake_vault import FakeVault, fake_vault

VALUE = "ghp_FromVault0001"


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    with fake_vault() as standing:
        standing.secrets["kv/team/git"] = {"token": VALUE, "number": 7, "empty": " "}
        yield standing


@pytest.fixture
def keys(vault: FakeVault, tmp_path: Path) -> Iterator[VaultKeys]:
    token_file = tmp_path / "vault-token"
    token_file.write_text(f"{vault.token}\n")
    with vault_keys(
        Vault(address=vault.address, answer_seconds=1),
        token_file=token_file,
        mounts=("kv", "old"),
        trusts=lambda location: location.host != "elsewhere.example",
    ) as opened:
        yield replace(opened, pauses=())
