"""What the dashboard is told by its environment."""

from pathlib import Path
from urllib.parse import urlsplit

import pydantic

from pawl.wire.settings import Listed, Listen, ServiceSettings


class Settings(ServiceSettings):
    """The dashboard's settings, each under its name with `PAWL_` before it."""

    listen: Listen = "127.0.0.1:8080"
    orchestrator_target: str = "127.0.0.1:50052"
    contract_target: str = "127.0.0.1:50051"
    dashboard_token_file: Path | None = None
    """Holds what people log in with."""
    data_dir: Path | None = None
    """Where that is made and kept if nobody names a file; nothing else is kept there."""
    dashboard_client_target: str = ""
    """Where people's own clients reach the orchestrator; empty is as the dashboard does."""
    dashboard_origins: Listed = ()
    """Where browsers find it, such as ``https://pawl.example.org``; empty is this machine."""

    @pydantic.field_validator("dashboard_origins")
    @classmethod
    def _origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for origin in given:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or f"{parts.scheme}://{parts.netloc}" != origin
            ):
                raise ValueError(f"{origin} is no origin; write https://host or https://host:port")
        return given

    @property
    def client_target(self) -> str:
        """The orchestrator's address in commands that people copy."""
        return self.dashboard_client_target or self.orchestrator_target

    @property
    def front(self) -> str:
        """The origin that people are sent to."""
        return next(iter(self.dashboard_origins), f"http://{self.listen}")
