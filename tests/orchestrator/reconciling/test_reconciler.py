"""Second pull requests of ended jobs are found, noted and told of, whatever the forge does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.typing import EventDict
from typing_extensions import override

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.forge import (
    ForgeAway,
    PullState,
    TokenRefused,
)
from services.orchestrator.reconciling import AWAY
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location
from tests.orchestrator.reconciling.house import House, told

AWAY_FOR_NOW = ForgeAway("scripted to be away")


async def test_a_second_one_is_noted_told_to_the_forge_and_logged(
    house: House, logs: list[EventDict]
) -> None:
    job_id = await house.twice()

    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == (2,)
    assert house.reports == ["report 2 of 1"]
    assert house.forge.pulls[1].state is PullState.OPEN
    [line] = told(logs, "duplicate_pull_requests")
    assert (line["job_id"], line["kept"], line["duplicates"]) == (job_id, 1, [2])


async def test_what_was_told_is_told_once(house: House, logs: list[EventDict]) -> None:
    job_id = await house.twice()

    await house.reconciler.round()
    await house.later(job_id)
    await house.reconciler.round()

    assert house.forge.asked.count("look") == 2
    assert house.reports == ["report 2 of 1"]
    assert len(told(logs, "duplicate_pull_requests")) == 1


async def test_one_that_shows_late_is_found_by_a_later_round(house: House) -> None:
    job_id = await house.published(recorded=1)
    house.open(job_id)
    await house.reconciler.round()
    assert (await house.job(job_id)).duplicate_pull_requests == ()

    house.open(job_id)
    await house.later(job_id)
    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == (2,)


async def test_a_job_with_one_pull_request_is_left_alone(house: House) -> None:
    job_id = await house.published(recorded=1)
    house.open(job_id)

    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == ()
    assert house.reports == []


async def test_a_strangers_pull_request_is_never_reported(house: House) -> None:
    """Anybody may read the job's id on its branch, and open one of a fork that says so."""
    job_id = await house.published(recorded=1)
    house.open(job_id)
    house.open(job_id, foreign=True)

    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == ()
    assert house.reports == []


async def test_where_the_job_recorded_none_the_lowest_is_kept(house: House) -> None:
    """It failed since the forge was away; the retry takes the lowest, too."""
    job_id = await house.published(recorded=None)
    house.open(job_id)
    house.open(job_id)

    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == (2,)
    assert house.reports == ["report 2 of 1"]


async def test_the_one_that_is_kept_stays_open_and_the_other_is_closed_where_wanted(
    house: House,
) -> None:
    await house.twice()

    await house.changed(close=True).round()

    assert [one.state for one in house.forge.pulls] == [PullState.OPEN, PullState.CLOSED]


async def test_nothing_is_closed_where_people_have_closed_the_one_that_is_kept(
    house: House,
) -> None:
    await house.twice()
    house.forge.become(1, PullState.CLOSED)

    await house.changed(close=True).round()

    assert house.forge.pulls[1].state is PullState.OPEN
    assert house.reports == ["report 2 of 1"]


async def test_a_merged_one_is_not_closed(house: House) -> None:
    await house.twice()
    house.forge.become(2, PullState.MERGED)

    await house.changed(close=True).round()

    assert house.forge.pulls[1].state is PullState.MERGED


async def test_a_report_that_got_no_answer_is_made_again(house: House) -> None:
    job_id = await house.twice()
    house.forge.report_troubles = [AWAY_FOR_NOW]

    await house.reconciler.round()
    assert (await house.job(job_id)).duplicate_pull_requests == (2,)
    await house.reconciler.round()

    assert house.reports == ["report 2 of 1"] * 2


async def test_one_that_takes_no_comment_keeps_no_other_from_its_own(house: House) -> None:
    job_id = await house.twice()
    house.open(job_id)
    house.forge.report_troubles = [failed(Reason.PUBLISH_REJECTED, "locked", "Unlock it.")]

    await house.reconciler.round()

    assert house.reports == ["report 2 of 1", "report 3 of 1"]
    assert (await house.job(job_id)).duplicate_pull_requests == (2, 3)


@pytest.mark.parametrize(
    "trouble",
    [
        AWAY_FOR_NOW,
        failed(Reason.PUBLISH_REJECTED, "declined", "Look."),
        ValueError("a defect"),
        TimeoutError(),
    ],
    ids=["away", "declined", "a defect", "too long"],
)
async def test_trouble_with_one_job_keeps_no_other_from_its_look(
    house: House, trouble: Exception
) -> None:
    await house.twice()
    other = await house.twice()
    house.forge.look_troubles = [trouble]

    await house.reconciler.round()

    assert (await house.job(other)).duplicate_pull_requests == (4,)


async def test_a_forge_that_does_not_answer_is_not_asked_for_every_job(house: House) -> None:
    for _ in range(AWAY + 2):
        await house.published()
    house.forge.look_troubles = [AWAY_FOR_NOW] * 9

    await house.reconciler.round()

    assert house.forge.asked == ["look"] * AWAY


async def test_the_pause_a_forge_asks_for_is_kept_by_every_process(house: House) -> None:
    await house.twice()
    await house.twice()
    house.forge.look_troubles = [ForgeAway("a pause", retry_after=timedelta(hours=1))]

    await house.reconciler.round()
    await house.reconciler.round()
    await replace(house.reconciler, owner="other").round()

    assert house.forge.asked == ["look"]


@dataclass
class NotedKeys(Keys):
    """One token, with a note of who asked for it and who gave it back."""

    asked: list[tuple[str | None, str]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        self.asked.append((refs.of(purpose), refs.holder))
        return Token("token-1")

    @override
    def release(self, holder: str) -> None:
        self.released.append(holder)

    @override
    def known(self) -> Sequence[str]:
        return ()


async def test_each_look_is_made_with_the_keys_of_its_jobs_plan_and_gives_them_back(
    house: House,
) -> None:
    keys = NotedKeys()
    access = replace(house.reconciler.access, keys=keys)
    await house.published(auth={"repoAuthRef": "vault://kv/a#t"})
    await house.published(auth={"publishAuthRef": "vault://kv/b#t"})

    await replace(house.reconciler, access=access).round()

    assert [ref for ref, _ in keys.asked] == ["vault://kv/a#t", "vault://kv/b#t"]
    assert keys.released == [holder for _, holder in keys.asked]
    assert len(set(keys.released)) == 2


async def test_a_refused_token_is_renewed_once_for_a_look(house: House) -> None:
    job_id = await house.twice()
    house.forge.refused = {"token-1"}
    house.forge.fresh = ["token-2"]

    await house.reconciler.round()

    assert (await house.job(job_id)).duplicate_pull_requests == (2,)


async def test_a_token_that_stays_refused_ends_no_round(
    house: House, logs: list[EventDict]
) -> None:
    first = await house.twice()
    other = await house.twice()
    house.forge.look_troubles = [TokenRefused("not this one"), TokenRefused("nor that one")]

    await house.reconciler.round()

    assert (await house.job(other)).duplicate_pull_requests == (4,)
    assert [one["job_id"] for one in told(logs, "reconciliation_put_off")] == [first]


async def test_a_round_is_bounded_and_the_next_takes_the_rest(house: House) -> None:
    jobs = [await house.twice() for _ in range(3)]
    reconciler = house.changed(jobs=2)

    await reconciler.round()
    assert (await house.job(jobs[2])).duplicate_pull_requests == ()
    await reconciler.round()

    assert (await house.job(jobs[2])).duplicate_pull_requests == (6,)
