"""Changes are counted path by path."""

from pathlib import Path

import pytest

from services.orchestrator.jobs.report import FileChange
from services.orchestrator.source.diffstat import diffstat
from services.orchestrator.source.mirror import Mirror
from tests.orchestrator.source.repositories import Upstream


async def test_every_kind_of_change_is_counted(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    odd = "a\ttab, a\nline and naïve-文".encode()
    text, kept = origin.blob(b"1\n2\n3\n"), origin.blob(b"kept\n")
    before = origin.commit(
        origin.tree(
            ("100644", b"changed", text),
            ("100644", b"gone", text),
            ("100644", b"kept", kept),
            ("100644", b"mode", kept),
        ),
    )
    after = origin.commit(
        origin.tree(
            ("100644", odd, kept),
            ("100644", b"broken-\xff", kept),
            ("100644", b"changed", origin.blob(b"1\nTWO\n3\n4\n")),
            ("100644", b"kept", kept),
            ("100755", b"mode", kept),
            ("100644", b"noise", origin.blob(bytes(range(256)))),
        ),
        before,
    )
    await mirror.fetch()

    counted = await diffstat(mirror, before, after, first=10, scratch=tmp_path)

    assert counted.first == (
        FileChange(path=odd.decode(), added=1, removed=0),
        FileChange(path="broken-\\xff", added=1, removed=0),
        FileChange(path="changed", added=2, removed=1),
        FileChange(path="gone", added=0, removed=3),
        FileChange(path="mode", added=0, removed=0),
        FileChange(path="noise", added=None, removed=None),
    )
    assert counted.total == 6
    assert list(tmp_path.glob("numstat*")) == []


async def test_all_are_counted_and_the_first_are_named(
    mirror: Mirror, origin: Upstream, tmp_path: Path
) -> None:
    blob = origin.blob(b"x\n")
    names = sorted(f"{number:05}-{'n' * 40}".encode() for number in range(3_000))
    base = origin.head()
    after = origin.commit(origin.tree(*(("100644", name, blob) for name in names)), base)
    await mirror.fetch()

    counted = await diffstat(mirror, base, after, first=2, scratch=tmp_path)

    assert [change.path.encode() for change in counted.first] == names[:2]
    assert counted.total >= 3_000


async def test_nothing_changed_is_nothing(mirror: Mirror, origin: Upstream, tmp_path: Path) -> None:
    head = origin.head()

    counted = await diffstat(mirror, head, head, first=2, scratch=tmp_path)

    assert (counted.first, counted.total) == ((), 0)


async def test_what_is_no_id_never_reaches_git(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="full ids"):
        await diffstat(mirror, "--output=/x", "HEAD", first=1, scratch=tmp_path)
