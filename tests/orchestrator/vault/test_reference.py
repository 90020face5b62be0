"""A reference names one field of one secret, or nothing."""

import pytest

from services.orchestrator.vault.reference import parse


def test_a_reference_has_a_path_and_a_field() -> None:
    found = parse("vault://kv/team/git#token")

    assert found is not None
    assert found.below(["kv"]) == ("kv", "team/git")
    assert found.field == "token"


@pytest.mark.parametrize(
    ("mounts", "below"),
    [
        ([], None),
        (["secret"], None),
        (["k"], None),
        (["kv/team/git"], None),
        (["kv", "kv/team"], ("kv/team", "git")),
        (["kv/team", "kv"], ("kv/team", "git")),
    ],
)
def test_the_longest_mount_counts_and_none_is_guessed(
    mounts: list[str], below: tuple[str, str] | None
) -> None:
    found = parse("vault://kv/team/git#token")

    assert found is not None
    assert found.below(mounts) == below


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "vault://kv#token",
        "vault://kv/team",
        "vault://kv/team#",
        "vault://kv/team#a#b",
        "vault://kv//team#token",
        "vault://kv/../sys/raw#value",
        "vault://kv/./team#token",
        "vault://../kv/team#token",
        "vault://kv/team?version=1#token",
        "vault://kv/%2e%2e/team#token",
        "vault://kv/team#token\n",
        "VAULT://kv/team#token",
        f"vault://kv/{'a' * 512}#token",
    ],
)
def test_what_has_another_form_names_nothing(text: str) -> None:
    assert parse(text) is None
