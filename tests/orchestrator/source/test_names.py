"""Names and link targets are read as the strictest system would."""

import pytest

from services.orchestrator.source.names import gitmodules_fault, link_fault, name_fault, shown


@pytest.mark.parametrize("name", [".github", ".gitlab-ci.yml", "git", "git~", "a.git", "x\\y", "…"])
def test_an_innocent_name_has_no_fault(name: str) -> None:
    assert name_fault(name.encode(), 255) is None


@pytest.mark.parametrize(
    ("path", "target"),
    [(b"l", b"a"), (b"d/l", b"../a"), (b"d/e/l", b"../../a/./b"), (b"l", b"./a/"), (b"l", b"..a")],
)
def test_an_inward_link_has_no_fault(path: bytes, target: bytes) -> None:
    assert link_fault(path, target) is None


@pytest.mark.parametrize(
    "content",
    [
        b'[submodule "../x"]\npath = x',
        b'[submodule "a"]\npath = "-x"',
        b'[submodule "a"] url = -x',
        b'[submodule "a"]\nurl = \\\n-x',
        b'[submodule "a"]\nupdate = !touch x',
        b'[SUBMODULE "a"]\nURL=ext::sh -c x',
    ],
)
def test_a_dangerous_gitmodules_is_seen(content: bytes) -> None:
    assert gitmodules_fault(content)


def test_an_ordinary_gitmodules_has_no_fault() -> None:
    assert not gitmodules_fault(
        b'[submodule "lib/x"]\n\tpath = lib/x\n\turl = ../x.git\n\tupdate = rebase\n'
    )


def test_a_path_is_shown_harmless() -> None:
    assert shown(b"a\x1b[31m\xff\n") == "'a\\x1b[31m\\xff\\n'"
    assert len(shown(b"x" * 5000)) < 250
