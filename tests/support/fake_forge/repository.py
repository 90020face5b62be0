"""What the fake forge keeps of one repository: its branches, pull requests and comments."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


class Invalid(Exception):
    """What GitHub answers with 422."""


@dataclass
class Pull:
    """A pull request; people change `state`, `merged` and the rest as they please."""

    number: int
    title: str
    body: str
    head: str
    head_owner: str
    head_commit: str
    base: str
    draft: bool
    opened: float = field(default_factory=time.monotonic)
    state: str = "open"
    merged: bool = False
    labels: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


@dataclass
class Repository:
    """One repository; `lock` is held by whoever reads or changes it."""

    owner: str
    name: str
    git: Path | None = None
    """The bare repository whose branches count; without one, `branches` do."""
    branches: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"
    unique: bool = True
    """Whether a branch has at most one open pull request into one base, as on GitHub."""
    list_lag: float = 0
    """Seconds until a new pull request is in lists."""
    search_lag: float = 0
    """Seconds until it is found by its text."""
    stale_seconds: float = 0
    """How far back a stale answer of either looks."""
    pulls: list[Pull] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def open(self, *, title: str, body: str, head: str, base: str, draft: bool) -> Pull:
        """Opens a pull request from a branch of this repository. Raises Invalid."""
        with self.lock:
            owner, _, branch = head.rpartition(":")
            commit = self.commit(branch)
            if commit is None or self.commit(base) is None:
                raise Invalid("head or base is invalid")
            same = [p for p in self.pulls if (p.head, p.base, p.state) == (branch, base, "open")]
            if same and self.unique:
                raise Invalid(f"A pull request already exists for {self.owner}:{branch}.")
            pull = Pull(
                number=len(self.pulls) + 1,
                title=title,
                body=body,
                head=branch,
                head_owner=owner or self.owner,
                head_commit=commit,
                base=base,
                draft=draft,
            )
            self.pulls.append(pull)
            return pull

    def listed(self, head: str | None, state: str, *, stale: bool = False) -> list[Pull]:
        """Those that lists show by now, the newest first; `head` is ``owner:branch``."""
        return [
            pull
            for pull in self._older_than(self.list_lag, stale)
            if head in {None, f"{pull.head_owner}:{pull.head}"} and state in {"all", pull.state}
        ]

    def found(self, words: str, *, stale: bool = False) -> list[Pull]:
        """Those whose text the search knows by now to hold `words`."""
        return [pull for pull in self._older_than(self.search_lag, stale) if words in pull.body]

    def delete(self, branch: str) -> None:
        """Removes a branch, which closes what was open from it. Raises Invalid."""
        with self.lock:
            if self.commit(branch) is None:
                raise Invalid("Reference does not exist")
            if self.git is None:
                del self.branches[branch]
            else:
                asked = ["git", "-C", str(self.git), "update-ref", "-d", f"refs/heads/{branch}"]
                subprocess.run(asked, check=True, timeout=5)
            for pull in self.pulls:
                if (pull.head, pull.state) == (branch, "open"):
                    pull.state = "closed"

    def commit(self, branch: str) -> str | None:
        """The commit `branch` points to; None where there is no such branch."""
        if self.git is None:
            return self.branches.get(branch)
        asked = ["git", "-C", str(self.git), "rev-parse", "--verify", f"refs/heads/{branch}"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5)
        return answer.stdout.strip() if answer.returncode == 0 else None

    def _older_than(self, lag: float, stale: bool) -> list[Pull]:
        lag = max(lag, self.stale_seconds if stale else 0)
        with self.lock:
            now = time.monotonic()
            return [pull for pull in reversed(self.pulls) if now - pull.opened >= lag]
