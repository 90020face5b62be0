"""Whether new work is taken."""

from collections.abc import Mapping, Sequence

from pawl.wire.errors import Unavailable
from services.runner.holding import Keepers
from services.runner.run import Run
from services.runner.values import ProcessSeen, RunName


class Intake:
    """Closed once this process leaves, and while a process of some run could not be ended."""

    def __init__(self, runs: Mapping[RunName, Run], keepers: Keepers) -> None:
        self.leaving = False
        self.strays: Sequence[ProcessSeen] = ()
        """Processes of runs without a record that could not be ended."""
        self._runs = runs
        self._keepers = keepers

    @property
    def closed(self) -> bool:
        """No new work is taken."""
        return self.leaving or bool(self._survivors())

    @property
    def reason(self) -> str:
        """Why no new work is taken; empty while it is."""
        try:
            self.require_open()
        except Unavailable as refused:
            return refused.message
        return ""

    def require_open(self) -> None:
        """Raises Unavailable, DRAINING, where no new work is taken."""
        if self.leaving:
            raise Unavailable("DRAINING", "this runner is leaving; ask another, or again later")
        for run_id, survivors in self._survivors().items():
            names = ", ".join(f"{each.name} ({each.pid})" for each in survivors)
            raise Unavailable(
                "DRAINING",
                f"processes of {run_id} could not be ended: {names}; no new work is taken until "
                "somebody has ended them",
            )

    def _survivors(self) -> Mapping[str, Sequence[ProcessSeen]]:
        """What could not be ended and lives still, by the run it belongs to."""
        self.strays = [each for each in self.strays if self._keepers.lives(each)]
        found = {f"run {run.record.name.run_id}": run.survivors for run in self._runs.values()}
        found["a run without a readable record"] = self.strays
        return {run_id: survivors for run_id, survivors in found.items() if survivors}
