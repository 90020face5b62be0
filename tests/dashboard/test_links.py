"""Which addresses of others a page makes a link of."""

import pytest

from services.dashboard.links import link


def test_a_link_tells_whose_place_it_leads_to() -> None:
    found = link("https://github.com:8443/acme/site/pull/7")

    assert found is not None
    assert (found.host, found.label) == ("github.com:8443", "acme/site/pull/7")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//evil.example/pull/7",
        "https://github.com@evil.example/pull/7",
        "https://user:secret@github.com/",
        "https://git\u202ehub.com/",
        "https://gi\nthub.com/",
        "https://exämple.org/",
        "https:///nowhere",
        "https://host:99999/",
        "https://[::1",
        "ftp://example.org/",
    ],
)
def test_what_a_browser_should_not_follow_is_no_link(address: str) -> None:
    assert link(address) is None
