"""Counts the workspaces this runner may hold at once."""

from collections.abc import Iterable
from datetime import timedelta

from pawl.wire.errors import ResourceExhausted
from services.runner.values import WorkspaceId

RETRY_AFTER = timedelta(seconds=5)


class Slots:
    """A workspace holds a slot from its preparation to its end.

    Starts with the workspaces that lie on disk, so that a restart forgets none.
    """

    def __init__(self, count: int, held: Iterable[WorkspaceId] = ()) -> None:
        self.count = count
        self._held = set(held)

    @property
    def held(self) -> list[WorkspaceId]:
        """The workspaces that hold one, ordered."""
        return sorted(self._held)

    @property
    def free(self) -> int:
        """How many more can be taken; never negative, though a setting may have shrunk."""
        return max(0, self.count - len(self._held))

    def take(self, workspace_id: WorkspaceId) -> None:
        """Gives the workspace a slot, unless it holds one. Raises ResourceExhausted."""
        if workspace_id in self._held:
            return
        if not self.free:
            raise ResourceExhausted(
                "NO_FREE_SLOT",
                f"all {self.count} slots hold a workspace; ask again later or another runner",
                retry_after=RETRY_AFTER,
            )
        self._held.add(workspace_id)

    def give_back(self, workspace_id: WorkspaceId) -> None:
        """Frees the workspace's slot; nothing happens where it held none."""
        self._held.discard(workspace_id)
