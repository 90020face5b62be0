"""Which addresses of pull requests are passed on to people."""

import pytest

from services.orchestrator.forge.links import pull_url
from services.orchestrator.source.slug import Slug

WEB = "https://git.example.com"
BUILT = "https://git.example.com/o/n/pull/7"


def passed_on(told: str) -> str:
    return pull_url(told, web_url=f"{WEB}/", slug=Slug("o", "n"), number=7)


def test_an_address_on_the_forge_is_passed_on() -> None:
    assert passed_on(f"{WEB}/moved/n/pull/7") == f"{WEB}/moved/n/pull/7"


@pytest.mark.parametrize(
    "told",
    [
        "",
        "javascript:alert(1)//git.example.com",
        "https://evil.org/o/n/pull/7",
        "http://git.example.com/o/n/pull/7",
        "https://git.example.com:8443/o/n/pull/7",
        "https://git.example.com:99999/o/n/pull/7",
        "https://git.example.com@evil.org/o/n/pull/7",
        "https://user@git.example.com/o/n/pull/7",
        "https://git.example.com\\@evil.org/",
        "https://git.example.com/\nX: y",
        'https://git.example.com/"onclick=',
        "https://[git.example.com/",
        f"{WEB}/" + "a" * 3000,
    ],
)
def test_any_other_is_built_from_the_number(told: str) -> None:
    assert passed_on(told) == BUILT
