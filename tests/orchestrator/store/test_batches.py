"""A commit that gave no answer is found out: nothing is lost, nothing is made twice."""

import asyncio
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.orchestrator.jobs.claim import Claim, StoreAway
from services.orchestrator.store import tables
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import Rig
from tests.orchestrator.store.commits import Commits, Fate
from tests.support.jobs import TERM, fact, some_id, some_job

FAILURES = [Fate.ANSWER_LOST, Fate.CONNECTION_LOST, Fate.NOT_MADE]
each_failure = pytest.mark.parametrize("fate", FAILURES, ids=lambda fate: fate.name.lower())

REPETITIONS = 500
ENOUGH = 20
"""Claims without an answer that turn out to have been made: fewer of them prove nothing."""
LONG = timedelta(minutes=10)
"""Nobody renews these claims; a longer one is taken for that of a clock set back."""
PATIENCE = (0, 0.01, 10)
"""Seconds for which each claimer's store tries to find out: not at all, at times, always."""


def meet(store: SqlStore, fates: Iterable[Fate], *, resolve: float = 10) -> None:
    """The next commits of the store's writer meet these fates; tries follow each other at once."""
    Commits(store._threads._writing, iter(fates))
    store._threads._batches.resolve = timedelta(seconds=resolve)
    store._threads._batches.pause = timedelta(0)


@each_failure
async def test_a_change_is_made_once(rig: Rig, store: SqlStore, fate: Fate) -> None:
    claim = await rig.claim()
    meet(store, [fate])

    await store.note(claim, fact("a"), fact("b"))

    assert (await rig.types(claim))[2:] == ["a", "b"]


@pytest.mark.parametrize(
    "fates",
    list(itertools.product(FAILURES, repeat=2)),
    ids=lambda fates: "-".join(fate.name.lower() for fate in fates),
)
async def test_a_change_is_made_once_however_often_its_commit_fails(
    rig: Rig, store: SqlStore, fates: tuple[Fate, ...]
) -> None:
    claim = await rig.claim()
    meet(store, fates)

    await store.note(claim, fact("a"))
    await store.note(claim, fact("b"))
    await store.note(claim, fact("c"))

    assert (await rig.types(claim))[2:] == ["a", "b", "c"]


@each_failure
async def test_changes_that_share_the_commit_get_their_own_answers(
    rig: Rig, store: SqlStore, fate: Fate
) -> None:
    claim = await rig.claim()
    meet(store, [fate] * 3)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(store.note(claim, fact()))
        refused = tasks.create_task(too_big(store, claim))
        submitted = [tasks.create_task(rig.submit()) for _ in range(10)]

    assert refused.result()
    assert len(await rig.types(claim)) == 2 + 10
    for one in submitted:
        assert await rig.types(one.result()) == ["job.submitted"]


@each_failure
async def test_a_submit_that_is_found_to_be_made_is_told_as_new(
    store: SqlStore, fate: Fate
) -> None:
    meet(store, [fate])

    job, replayed = await store.submit(some_job(request_id="r"))

    assert not replayed
    assert await store.submitted("local", "r") == ("s" * 64, job.job_id)


async def test_what_cannot_be_found_out_is_told_to_be_away(rig: Rig, store: SqlStore) -> None:
    claim = await rig.claim()
    meet(store, [Fate.NOT_MADE], resolve=0)

    with pytest.raises(StoreAway, match="disk I/O error"):
        await store.note(claim, fact("lost"))

    await store.note(claim, fact("next"))
    assert (await rig.types(claim))[2:] == ["next"]


async def test_a_claim_without_an_answer_is_known_by_its_nonce(rig: Rig, store: SqlStore) -> None:
    job = await rig.submit()
    meet(store, [Fate.ANSWER_LOST], resolve=0)
    with pytest.raises(StoreAway):
        await store.claim(job.job_id, owner="me", term=TERM, nonce="n")

    claim = await store.claimed(job.job_id, owner="me", nonce="n")

    assert claim is not None
    assert (claim.epoch, claim.owner) == (1, "me")
    await store.note(claim, fact())


async def test_a_claim_that_is_over_or_somebody_elses_is_not_known(
    rig: Rig, store: SqlStore
) -> None:
    job = await rig.submit()
    claim = await store.claim(job.job_id, owner="me", term=TERM, nonce="n")
    assert claim is not None

    assert await store.claimed(job.job_id, owner="me", nonce="other") is None
    assert await store.claimed(job.job_id, owner="other", nonce="n") is None
    assert await store.claimed(some_id(), owner="me", nonce="n") is None
    assert await store.claimed(job.job_id, owner="me", nonce="n") == claim
    await store.requeue(claim, fact(), not_before=None)
    assert await store.claimed(job.job_id, owner="me", nonce="n") is None


@each_failure
async def test_a_renewal_without_an_answer_is_none(rig: Rig, store: SqlStore, fate: Fate) -> None:
    """Only one that is known to have been made moves the time at which the owner stops."""
    claim = await rig.claim()
    Commits(store._threads.renewing, iter([fate]))

    with pytest.raises(StoreAway):
        store.renew(claim, term=TERM)

    assert store.renew(claim, term=TERM) is None


async def test_each_writer_has_one_row_and_old_ones_go(rig: Rig, store: SqlStore) -> None:
    def plant(connection: sa.Connection) -> None:
        gone = {"writer": "gone", "number": 7, "time": 0}
        connection.execute(sa.insert(tables.batch).values(**gone))

    def writers(connection: sa.Connection) -> list[tuple[str, int]]:
        found = connection.execute(sa.select(tables.batch.c.writer, tables.batch.c.number))
        return [(row.writer, row.number) for row in found]

    await store._threads.write(plant)
    ((_, number),) = [one for one in await store._threads.read(writers) if one[0] != "gone"]
    await store._threads.write(lambda connection: connection.execute(sa.delete(tables.batch)))
    await store._threads.write(plant)
    async with opened(str(store._threads._writing.url).replace("%2F", "/")) as other:
        await Rig(other).submit()
    rows = await store._threads.read(writers)

    assert number == 1
    assert len(rows) == 2
    assert "gone" not in dict(rows)


@dataclass(slots=True)
class Counts:
    """What the claimers met."""

    held: list[Claim] = field(default_factory=list)
    away: int = 0
    found: int = 0


async def claim_all(store: SqlStore, owner: str, counts: Counts, dice: random.Random) -> None:
    """Claims as a claimer does until there is nothing left to claim."""
    while page := list(await store.candidates(limit=20)):
        dice.shuffle(page)
        for one in page:
            nonce = uuid.uuid4().hex
            try:
                claim = await store.claim(one.job_id, owner=owner, term=LONG, nonce=nonce)
            except StoreAway:
                counts.away += 1
                claim = await store.claimed(one.job_id, owner=owner, nonce=nonce)
                counts.found += claim is not None
            if claim is not None:
                counts.held.append(claim)


def bad_luck(dice: random.Random) -> Iterator[Fate]:
    """Every other commit fails."""
    while True:
        yield dice.choice([*FAILURES, *[Fate.WELL] * len(FAILURES)])


@pytest.fixture
async def stores(url: str) -> AsyncIterator[list[SqlStore]]:
    """As many stores on one file as there are claimers."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened(url)) for _ in PATIENCE]


@pytest.mark.timeout(120)
async def test_no_claim_is_doubled_and_none_is_stuck(
    store: SqlStore, stores: list[SqlStore]
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    dice = random.Random(seed)
    for one, resolve in zip(stores, PATIENCE, strict=True):
        meet(one, bad_luck(random.Random(dice.random())), resolve=resolve)
    jobs: list[str] = []
    counts = Counts()

    # Who gets how many of the claims is chance, and those who find out by themselves ask for none.
    while counts.found <= ENOUGH:
        jobs += [(await store.submit(some_job()))[0].job_id for _ in range(REPETITIONS)]
        async with asyncio.TaskGroup() as tasks:
            for number, claimer in enumerate(stores):
                own = random.Random(dice.random())
                tasks.create_task(claim_all(claimer, f"owner-{number}", counts, own))

    assert sorted(claim.job_id for claim in counts.held) == sorted(jobs), f"seed {seed}"
    assert {claim.epoch for claim in counts.held} == {1}, f"seed {seed}"
    assert counts.away > counts.found, f"seed {seed}: {counts.away}, {counts.found}"


async def too_big(store: SqlStore, claim: Claim) -> bool:
    """Whether an event that is too big is refused as what it is."""
    try:
        await store.note(claim, fact(text="x" * 40_000))
    except ValueError:
        return True
    return False
