"""Gives workspaces to jobs and takes them back: slot, epoch and files in one order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.delivery import Delivery, empty
from services.runner.slots import Slots
from services.runner.supervisor import Supervisor
from services.runner.values import WorkspaceId
from services.runner.workspace.record import Opening
from services.runner.workspace.snapshot import Snapshot
from services.runner.workspace.workspaces import Workspace, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A workspace that a caller asks for."""

    opening: Opening
    job_id: str
    epoch: int


class Tenancy:
    """The workspaces of this runner, as its callers have them."""

    def __init__(
        self, spool: Path, supervisor: Supervisor, workspaces: Workspaces, slots: Slots
    ) -> None:
        self._spool = spool
        self._supervisor = supervisor
        self._workspaces = workspaces
        self._slots = slots
        self._preparing: dict[WorkspaceId, Request] = {}
        empty(spool)

    async def open(self, request: Request) -> Sequence[str]:
        """Takes a slot; returns the commits that need not be sent.

        Raises ResourceExhausted, Aborted, and Unavailable where no new work is taken.
        """
        async with self._supervisor.admitted(request.job_id, request.epoch):
            self._supervisor.intake.require_open()
            # Refuses a malformed key before anything is taken.
            cache = self._workspaces.cache(request.opening.repository_key)
            self._slots.take(request.opening.workspace_id)
            self._preparing[request.opening.workspace_id] = request
        return await cache.tips()

    def delivery(self) -> Delivery:
        """Returns where what the caller sends is taken in."""
        return Delivery(self._spool)

    async def receive(self, request: Request, pack: Path | None) -> None:
        """Puts the caller's pack into the cache of its repository. Raises DataLoss."""
        opening = request.opening
        await self._workspaces.cache(opening.repository_key).receive(
            pack, [opening.base_commit], passing=[opening.files_commit]
        )

    async def make(self, request: Request, delivery: Delivery) -> tuple[Workspace, bool]:
        """Returns the workspace, and whether it was there already, untouched.

        What runs in an earlier one of that name is ended first.
        """
        opening, epoch = request.opening, request.epoch
        async with self._supervisor.admitted(request.job_id, epoch):
            await self._supervisor.end_all_in(opening.workspace_id)
            if found := await self._workspaces.reuse(opening, epoch):
                return found, True
            return await self._workspaces.prepare(opening, epoch, delivery.files), False

    def settle(self, request: Request) -> None:
        """Ends a preparation: where it made no workspace its slot is free again.

        A call whose caller left may be settled late: then somebody else may prepare already.
        """
        workspace_id = request.opening.workspace_id
        if self._preparing.get(workspace_id) is not request:
            return
        del self._preparing[workspace_id]
        if self._workspaces.find(workspace_id) is None:
            self._slots.give_back(workspace_id)

    async def snapshot(self, workspace_id: WorkspaceId, job_id: str, epoch: int) -> Snapshot:
        """Returns the tree of a workspace in which nothing runs.

        Raises NotFound, FailedPrecondition, Aborted.
        """
        async with self._supervisor.admitted(job_id, epoch):
            workspace = self._workspaces.get(workspace_id)
            self._supervisor.require_idle(workspace_id)
            workspace = self._workspaces.advance(workspace, epoch)
            return await self._workspaces.snapshot(workspace)

    async def close(self, workspace_id: WorkspaceId, job_id: str, epoch: int) -> None:
        """Ends what runs in a workspace, removes it, frees its slot. Raises Aborted."""
        async with self._supervisor.admitted(job_id, epoch):
            await self._supervisor.end_all_in(workspace_id)
            await self._workspaces.close(workspace_id)
            self._slots.give_back(workspace_id)

    @property
    def preparing(self) -> frozenset[str]:
        """The repository keys of workspaces that are being prepared."""
        return frozenset(one.opening.repository_key for one in self._preparing.values())

    async def expire(
        self, workspace_id: WorkspaceId, job_id: str, is_old: Callable[[], bool]
    ) -> bool:
        """Removes a workspace that nobody claims any more; False where it was claimed meanwhile.

        Raises FailedPrecondition where something runs in it, and Aborted where a claim is newer
        than what was known of the job.
        """
        async with self._supervisor.admitted(job_id, self._supervisor.epoch(job_id)):
            self._supervisor.require_idle(workspace_id)
            if workspace_id in self._preparing or not is_old():
                return False
            await self._workspaces.close(workspace_id)
            self._slots.give_back(workspace_id)
            return True
