"""Which names of branches are taken."""

import pytest

from services.contract.branches import fault_of_existing, fault_of_new

IMPOSSIBLE = [
    "-x",
    "--upload-pack=x",
    "a..b",
    "a.lock",
    "a.lock/b",
    "a@{b",
    "@",
    "HEAD",
    "refs/heads/x",
    ".a",
    "a/.b",
    "a.",
    "/a",
    "a/",
    "a//b",
    "a b",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "a\x7fb",
    "a\u202eb",
    "a\u200bb",
    "a\u200fb",
]
UNWISE = ["$(id)", "`id`", 'a"b', "a'b", "a;b", "a|b", "a&b", "é", "_a", "a" * 201, "a@b", "#1"]


@pytest.mark.parametrize("name", ["main", "release/1.2", "a", "A-b_c.d/e", "a" * 200])
def test_a_plain_name_is_taken(name: str) -> None:
    assert fault_of_new(name) is None
    assert fault_of_existing(name) is None


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_name_is_refused(name: str) -> None:
    assert fault_of_new(name)
    assert fault_of_existing(name)


@pytest.mark.parametrize("name", UNWISE)
def test_pawl_makes_no_branch_of_an_unwise_name_but_uses_one_that_exists(name: str) -> None:
    assert fault_of_new(name)
    assert fault_of_existing(name) is None
