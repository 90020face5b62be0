"""Which addresses mean a repository of the forge."""

import pytest

from services.orchestrator.source.location import locate
from services.orchestrator.source.slug import Slug, slug_of

WEB = "https://git.example.com"


@pytest.mark.parametrize(
    "address",
    [
        "o/n",
        "https://git.example.com/o/n",
        "https://git.example.com:443/o/n.git",
        "ssh://git@git.example.com/o/n.git",
        "ssh://git@git.example.com:2222/o/n.git",
        "git@git.example.com:o/n.git",
        "git@git.example.com:/o/n",
    ],
)
def test_a_repository_of_the_forge_has_an_owner_and_a_name(address: str) -> None:
    location = locate(address, forge_url=WEB, allow_local=False)
    assert slug_of(location, WEB) == Slug("o", "n")


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com.evil.org/o/n",
        "https://git.example.com:8443/o/n",
        "http://localhost/o/n",
        "https://git.example.com/group/o/n",
        "https://git.example.com/o",
        "https://git.example.com/o/n%20",
        "git@example.com:o/n.git",
        "/srv/o/n",
    ],
)
def test_what_lies_elsewhere_has_none(address: str) -> None:
    location = locate(address, forge_url=WEB, allow_local=True)
    assert slug_of(location, WEB) is None


def test_a_forge_below_a_path_is_found_there_alone() -> None:
    web = f"{WEB}/forge"
    inside = locate(f"{WEB}/forge/o/n", forge_url=web, allow_local=False)
    outside = locate(f"{WEB}/forged/o/n", forge_url=web, allow_local=False)
    assert (slug_of(inside, web), slug_of(outside, web)) == (Slug("o", "n"), None)
