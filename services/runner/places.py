"""Says where the runs of a workspace happen."""

from pathlib import Path
from typing import Protocol

from services.runner.runtimes.runtime import Place
from services.runner.values import WorkspaceId
from services.runner.workspace.workspaces import Workspace, Workspaces


class Places(Protocol):
    """What the supervisor has to know of workspaces."""

    def place(self, workspace_id: WorkspaceId, run: Path, runtime: str) -> Place:
        """Returns where a run in `workspace_id` happens. Raises NotFound."""

    def starting(self, workspace_id: WorkspaceId) -> None:
        """To be called before a run is started there."""


class WorkspacePlaces:
    """The places in workspaces on disk."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    def place(self, workspace_id: WorkspaceId, run: Path, runtime: str) -> Place:
        """Returns where a run in `workspace_id` happens. Raises NotFound."""
        return _place(self._workspaces.get(workspace_id), run, runtime)

    def starting(self, workspace_id: WorkspaceId) -> None:
        """Notes that the workspace is touched from now on."""
        self._workspaces.starting(self._workspaces.get(workspace_id))


def _place(workspace: Workspace, run: Path, runtime: str) -> Place:
    return Place(
        repo=workspace.repository,
        home=workspace.home,
        tmp=workspace.tmp,
        # Kept by the workspace's runs among themselves, as a person's own would be.
        state=workspace.directory / "state" / runtime,
        run=run / "cli",
    )
