"""What the dashboard makes of its environment."""

import pytest

from services.dashboard.settings import Settings


@pytest.mark.parametrize(
    ("told", "shown"), [("", "orchestrator:50052"), ("pawl.example.org:50052",) * 2]
)
def test_commands_to_copy_name_where_peoples_clients_reach_the_orchestrator(
    monkeypatch: pytest.MonkeyPatch, told: str, shown: str
) -> None:
    """A dashboard in a container reaches it by a name that nobody outside knows."""
    monkeypatch.setenv("PAWL_ORCHESTRATOR_TARGET", "orchestrator:50052")
    monkeypatch.setenv("PAWL_DASHBOARD_CLIENT_TARGET", told)

    assert Settings().client_target == shown
