"""``python -m tests.chaos matrix|storm|publishes``: breaks things, has what is left judged."""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pawl.wire.faultpoints import Action, Point
from tests.chaos.house import RUNNERS
from tests.chaos.matrix import Matrix
from tests.chaos.publishes import Publishes
from tests.chaos.storm import Storm

AT_ONCE = 2


def main() -> int:
    """Ends with 1 where an invariant did not hold, or a point was not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", choices=("all", "matrix", "rotate", "storm", "short", "publishes"))
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=0, help="at least so many, 0 for 3/5 of kills")
    parser.add_argument("--cuts", type=float, default=0.0, help="share of cuts among the blows")
    parser.add_argument("--runners", type=int, choices=(1, 2), default=1)
    parser.add_argument("--only", default="", help="the one target of kills")
    parser.add_argument("--talk", type=float, default=0.6, help="seconds a step talks at most")
    parser.add_argument("--least-talk", type=float, default=0.0, help="and at least")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--cells", default="", help="such as CP-T3=kill,CP-B4=stop")
    parser.add_argument("--unique", choices=("on", "off"), default="on")
    parser.add_argument("--people", type=float, default=0.06, help="share of pulls they close")
    parser.add_argument("--keep", action="store_true", help="leave what the run has made")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    folder = Path(tempfile.mkdtemp(prefix="pawl-chaos-"))
    sys.stdout.write(f"seed {seed}, in {folder}\n")
    wrong = 0
    if options.what == "publishes":
        publishes = Publishes(
            folder,
            seed=seed,
            jobs=options.jobs or 1000,
            unique=options.unique == "on",
            people_share=options.people,
        )
        publishes.run()
        sys.stdout.write(f"{publishes.report()}\n")
        wrong += bool(publishes.violations)
    elif options.what != "storm":
        whole = options.what in {"all", "matrix"}
        cells = _named(options.cells) if options.cells else _whole() if whole else _rotated(seed)
        wrong += matrix(folder, cells, options.at_once, seed)
    if options.what in {"all", "storm", "short"}:
        least = options.jobs or options.kills * 3 // 5
        storm = Storm(
            folder,
            seed=seed,
            kills=options.kills,
            least_jobs=least,
            only=options.only,
            cuts=options.cuts,
            runners=RUNNERS[: options.runners],
            talk=options.talk,
            least_talk=options.least_talk,
        )
        storm.run()
        sys.stdout.write(f"{storm.report()}\n")
        wrong += bool(storm.violations or storm.refused)
    if not wrong and not options.keep:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def _named(cells: str) -> list[tuple[Point, Action]]:
    words = [word.split("=") for word in cells.split(",")]
    return [(Point(point), Action(action)) for point, action in words]


def _whole() -> list[tuple[Point, Action]]:
    return list(itertools.product(Point, Action))


def _rotated(seed: int) -> list[tuple[Point, Action]]:
    """Each point once; which action it gets moves on with the seed."""
    actions = list(Action)
    return [(point, actions[(seed + number) % len(actions)]) for number, point in enumerate(Point)]


def matrix(folder: Path, cells: Sequence[tuple[Point, Action]], at_once: int, seed: int) -> int:
    """The matrix in parts, side by side."""
    shuffled = list(cells)
    random.Random(seed).shuffle(shuffled)
    parts = [Matrix(folder / f"part-{n}", shuffled[n::at_once]) for n in range(at_once)]
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(Matrix.run, parts))
    told = [one for part in parts for one in part.told]
    wrong = [one for one in told if one.wrong]
    unreached = [one for one in told if not one.reached and not one.wrong]
    sys.stdout.write(
        f"matrix: {len(told)} cells in {time.monotonic() - began:.0f} s, {len(wrong)} wrong, "
        f"{len(unreached)} not reached, {sum(part.fenced for part in parts)} writes refused by the "
        "fence\n"
    )
    for one in wrong + unreached:
        sys.stdout.write(f"  {one.point}={one.action}: {'; '.join(one.wrong) or 'not reached'}\n")
    return 1 if wrong or unreached else 0


if __name__ == "__main__":
    sys.exit(main())
