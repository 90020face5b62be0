"""The runners there are."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawl.client import OrchestratorClient, Runner
from pawl.wire.errors import Refusal
from services.dashboard.pages import page


class Fleet:
    """The page of runners."""

    def __init__(self, orchestrator: OrchestratorClient) -> None:
        self._orchestrator = orchestrator

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is."""
        return [Route("/runners", self.runners)]

    async def runners(self, request: Request) -> Response:
        """A card for each runner, or those alone; what cannot be read is told in their place."""
        template = "runners_part.html" if "x-pawl-piece" in request.headers else "runners.html"
        try:
            fleet = await self._orchestrator.runners()
        except Refusal as refusal:
            return page(request, template, {"trouble": refusal})
        return page(
            request,
            template,
            {
                "runners": [(one, standing(one)) for one in fleet.runners],
                "own": list(fleet.orchestrator_capabilities),
                "trouble": None,
            },
        )


def standing(runner: Runner) -> tuple[str, str]:
    """What a person calls the runner's state, and how it looks."""
    if not runner.reachable:
        return "Unreachable", "bad"
    if runner.draining:
        return "Takes no work", "wait"
    return ("Busy", "busy") if runner.slots and not runner.free_slots else ("Serving", "good")
