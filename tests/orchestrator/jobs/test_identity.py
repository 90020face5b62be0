"""Names and addresses are what git keeps as they are, or are refused."""

import pytest

from services.orchestrator.jobs.identity import Identity


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".,;", "a<b", "a>", "two\nlines", "nul\0", "turned\u202ename", "x" * 101],
)
def test_a_name_that_git_would_change_or_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name "):
        Identity(name=name)


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "@host", "a@", "a b@host", "a@host>", "a@ho st", "a\n@host", "ä@host", "a@" * 9],
)
def test_an_address_that_is_none_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match="name@host"):
        Identity(email=email)


def test_an_address_may_be_that_of_an_app() -> None:
    Identity(email="41898282+pawl[bot]@users.noreply.github.com")
