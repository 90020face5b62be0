"""What people do with some of the pull requests, a moment after they are opened."""

import heapq
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.chaos.forge import Forge

LATEST_SECONDS = 2.0
ACTS = ("close", "merge", "delete the branch")


@dataclass(slots=True)
class People:
    """Close, merge, and delete branches, for as long as the block lasts."""

    forge: Forge
    dice: random.Random
    share: float
    """Of the pull requests that they do something with."""
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _read: int = 0

    def __enter__(self) -> "People":
        self._thread = threading.Thread(target=self._watch, name="people")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _watch(self) -> None:
        due: list[tuple[float, str, str, int, str]] = []
        while not self._over.wait(0.05):
            now = time.monotonic()
            for repository, number, branch in self._opened():
                if self.dice.random() < self.share:
                    when = now + self.dice.uniform(0, LATEST_SECONDS)
                    act = self.dice.choice(ACTS)
                    heapq.heappush(due, (when, act, repository, number, branch))
            while due and due[0][0] <= now:
                self._act(*heapq.heappop(due)[1:])

    def _opened(self) -> list[tuple[str, int, str]]:
        """What the audit tells of since the last look, whole lines only."""
        if not self.forge.audit.exists():
            return []
        with self.forge.audit.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
        if not whole:
            return []
        self._read += len(whole) + 1
        notes = [json.loads(line) for line in whole.splitlines()]
        return [
            (note["result"]["repository"], note["result"]["pull"], note["result"]["head"])
            for note in notes
            if note["operation"] == "open"
        ]

    def _act(self, act: str, repository: str, number: int, branch: str) -> None:
        pull = f"/repos/{repository}/pulls/{number}"
        match act:
            case "close":
                status = self.forge.ask("PATCH", pull, {"state": "closed"})
            case "merge":
                status = self.forge.ask("PUT", f"{pull}/merge", {})
            case _:
                heads = f"/repos/{repository}/git/refs/heads"
                status = self.forge.ask("DELETE", f"{heads}/{quote(branch)}", {})
        (self.done if status == 200 else self.refused)[act] += 1
