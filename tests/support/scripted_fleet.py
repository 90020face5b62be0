"""A fleet of scripted runners."""

from collections.abc import Sequence

from typing_extensions import override

from services.orchestrator.drive.ports import Fleet, Runner
from services.orchestrator.jobs.eligibility import Offer, Offers
from tests.support.scripted_runner import ScriptedRunner


class ScriptedFleet(Fleet):
    """Gives the first reachable runner that has one of its slots free."""

    def __init__(self, *runners: ScriptedRunner) -> None:
        self.runners = list(runners)
        self.reserved: list[str] = []

    @override
    def find(self, runner_id: str) -> Runner | None:
        return next((one for one in self.runners if one.runner_id == runner_id), None)

    @override
    def offers(self) -> Offers:
        return Offers(
            runners=tuple(
                Offer(
                    runner_id=runner.runner_id,
                    capabilities=frozenset({"codex"}),
                    free_slots=0 if runner.full else 1,
                    draining=False,
                    reachable=not runner.unreachable,
                )
                for runner in self.runners
            ),
            own=frozenset({"git"}),
        )

    @override
    def reserve(self, capabilities: Sequence[str]) -> Runner | None:
        for runner in self.runners:
            if not runner.unreachable and not runner.full:
                self.reserved.append(runner.runner_id)
                return runner
        return None

    @override
    def roomy(self) -> bool:
        return any(not runner.unreachable and not runner.full for runner in self.runners)

    @override
    def free(self, runner: Runner) -> None:
        self.reserved.remove(runner.runner_id)

    @override
    def held(self) -> Sequence[tuple[Runner, str]]:
        return [(runner, one) for runner in self.runners for one in runner.workspaces]
