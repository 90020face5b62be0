"""The judgement of a result before anything of it leaves."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.screen.policy import ScreenPolicy, Verdict, judge
from services.orchestrator.screen.scan import Found, Rules, Scan
from services.orchestrator.screen.shapes import SHAPES
from services.orchestrator.source.git import GitSaidTooMuch, GitTimedOut
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.names import shown
from services.orchestrator.source.objects import ObjectReader, reading

LISTING_BYTES = 32 * 1024**2
TIME = timedelta(minutes=10)
"""For the whole search; at the slowest rate measured, 15 MB/s, it takes 9 GB."""
NO_BLOB = frozenset({b"000000", b"160000"})
"""Modes of what is absent and of submodules, whose content is elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One path that differs; None for a blob that is not there."""

    path: bytes
    before: str | None
    after: str | None


async def screen(
    mirror: Mirror,
    *,
    base: str,
    tree: str,
    texts: Mapping[str, str],
    known: Sequence[str],
    policy: ScreenPolicy,
    drafts: bool,
) -> Verdict:
    """Judges what differs between `base` and `tree`, and the `texts` by what they are called.

    `known` are values that must not be published; `drafts` tells whether there can be a draft.
    What the base holds in a changed file is not the job's doing, and no reason to fail. Raises
    JobFailed with SECRET_DETECTED, which names rule and place but nothing of the value, or with
    RESULT_REJECTED.
    """
    changes = await _changes(mirror, base, tree)
    verdict = judge([change.path for change in changes], policy, drafts=drafts)
    rules = Rules(known, [shape for shape in SHAPES if shape.name not in policy.rules_off])
    for name, text in texts.items():
        _refuse(_found_in(rules, text.encode("utf-8", "surrogatepass")), name)
    for change in changes:
        if change.before is None:
            _refuse(_found_in(rules, change.path), "the name of a new file")
    try:
        async with reading(mirror.git, mirror.git_dir, timeout=TIME) as objects:
            await _search(objects, changes, rules)
    except GitTimedOut:
        raise _rejected(f"Searching the result for secrets took over {TIME}.") from None
    return verdict


async def _search(objects: ObjectReader, changes: Sequence[_Change], rules: Rules) -> None:
    """Looks at every blob that is new; at those it replaces only where there is need to."""
    inherited: Set[Found] | None = None
    seen = {change.before for change in changes}
    for change in changes:
        if change.after is None or change.after in seen:
            continue
        seen.add(change.after)
        found = await _found(objects, change.after, rules)
        if found and inherited is None:
            inherited = await _inherited(objects, changes, rules)
        _refuse(found - (inherited or frozenset()), shown(change.path))


async def _inherited(objects: ObjectReader, changes: Sequence[_Change], rules: Rules) -> Set[Found]:
    """What the replaced and removed blobs held, so that a renamed file may keep it."""
    found: set[Found] = set()
    for blob in {change.before for change in changes if change.before}:
        found |= await _found(objects, blob, rules)
    return found


async def _found(objects: ObjectReader, blob: str, rules: Rules) -> Set[Found]:
    scan = Scan(rules)
    async for piece in objects.pieces(blob):
        # Beside the loop, which has other jobs to serve.
        await asyncio.to_thread(scan.feed, piece)
    return await asyncio.to_thread(scan.end)


def _found_in(rules: Rules, content: bytes) -> Set[Found]:
    scan = Scan(rules)
    scan.feed(content)
    return scan.end()


async def _changes(mirror: Mirror, base: str, tree: str) -> Sequence[_Change]:
    try:
        listed = await mirror.git.run(
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            base,
            tree,
            git_dir=mirror.git_dir,
            limit_bytes=LISTING_BYTES,
        )
    except GitSaidTooMuch:
        raise _rejected("The result changes too many paths to be searched for secrets.") from None
    return list(_parsed(listed.stdout))


def _parsed(listing: bytes) -> Iterator[_Change]:
    fields = iter(listing.split(b"\0")[:-1])
    for head in fields:
        mode, new_mode, blob, new_blob, _ = head.removeprefix(b":").split(b" ")
        yield _Change(
            path=next(fields),
            before=None if mode in NO_BLOB else blob.decode(),
            after=None if new_mode in NO_BLOB else new_blob.decode(),
        )


def _refuse(found: Set[Found], where: str) -> None:
    if found:
        rule = min(each.rule for each in found)
        raise failed(
            Reason.SECRET_DETECTED,
            f"The result holds a secret in {where} (rule {rule}); nothing was published.",
            "Take the secret out and revoke it. If it is none, have the operator name the rule in "
            "PAWL_SECRET_RULES_OFF; known values cannot be turned off.",
        )


def _rejected(message: str) -> Exception:
    return failed(Reason.RESULT_REJECTED, message, "Have the task change less at once.")
