"""What strikes in a storm, and when: the same for the same seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.chaos.house import LEASE, ORCHESTRATORS, RUN_LEASE

RUNS = " and its runs"
KEEPERS = " and its keepers"


def weights(runners: Sequence[str]) -> dict[str, float]:
    """What is struck how often."""
    share = len(runners)
    struck = {"orchestrator-1": 3.0, "orchestrator-2": 3.0, "contract": 1.0}
    for runner in runners:
        struck |= {runner: 3 / share, runner + RUNS: 1 / share, runner + KEEPERS: 1 / share}
    return struck


STOPS = 0.1
STOPPED_OWNERS = 0.7
"""A stop tells most where it makes a stale owner."""
MEAN_GAP = 1.0


STALE_POINTS = ("CP-P3", "CP-B2", "CP-B5", "CP-P3", "CP-B2", "CP-B5", "CP-T3", "CP-T9", "CP-B3")
"""Right behind most of them an owner writes: one that was stopped there writes too late.

A stop from outside hardly ever meets such a moment, and the fence would not be seen to hold.
"""
ARMED = 0.5


def arming(dice: random.Random) -> Callable[[str], str]:
    """With what fault an orchestrator is started again, if with any."""

    def faults(name: str) -> str:
        if name not in ORCHESTRATORS or dice.random() > ARMED:
            return ""
        return f"{dice.choice(STALE_POINTS)}=stop@{dice.randint(1, 2)}"

    return faults


def standing_still(dice: random.Random) -> float:
    """Seconds for which one that has stopped by itself is left so: longer than a lease."""
    return dice.uniform(1.2, 2.5) * LEASE


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill; or a stop for so many seconds; or a cut or a hole between owner and runner."""

    gap: float
    target: str
    seconds: float = 0.0
    what: str = "kill"

    def __str__(self) -> str:
        lasts = f" {self.seconds:.1f} s" if self.seconds else ""
        return f"+{self.gap:.2f} {self.what}{lasts} {self.target}"


def schedule(
    seed: int, kills: int, only: str = "", cuts: float = 0.0, runners: Sequence[str] = ("runner",)
) -> list[Blow]:
    """The same for the same seed: so many kills, with stops, and a share of `cuts`, among them.

    Of one target where there is an `only` one, and then kills alone.
    """
    dice = random.Random(seed)
    struck = weights(runners)
    targets, shares = list(struck), list(struck.values())
    if only:
        return [Blow(gap=dice.expovariate(1 / MEAN_GAP), target=only) for _ in range(kills)]
    blows: list[Blow] = []
    while sum(blow.what == "kill" for blow in blows) < kills:
        if cuts and dice.random() < cuts:
            blows.append(_cut(dice))
            continue
        stops = dice.random() < STOPS
        target = dice.choices(targets, shares)[0]
        if stops and dice.random() < STOPPED_OWNERS:
            target = dice.choice(ORCHESTRATORS)
        seconds = dice.uniform(0.5, 3) * LEASE
        blows.append(
            Blow(
                gap=dice.expovariate(1 / MEAN_GAP),
                target=target.partition(" ")[0] if stops else target,
                seconds=seconds if stops else 0.0,
                what="stop" if stops else "kill",
            )
        )
    return blows


def _cut(dice: random.Random) -> Blow:
    what = dice.choice(("cut", "hole"))
    return Blow(
        gap=dice.expovariate(1 / MEAN_GAP),
        target=dice.choice(ORCHESTRATORS),
        # Some are longer than a run lives without its owner: it is then lost while it lives.
        seconds=dice.choice((LEASE, LEASE, 2 * RUN_LEASE)) * dice.uniform(0.5, 1.2)
        if what == "hole"
        else 0.0,
        what=what,
    )
