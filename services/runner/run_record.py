"""What is known of a run before it starts."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from services.runner.keeper import record
from services.runner.values import Limits, RunName, RunSpec, WorkspaceId

RECORD = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What every later process needs to go on with a run; holds no prompt and no secret."""

    name: RunName
    workspace_id: WorkspaceId
    digest: str
    runtime: str
    model: str | None
    effort: str | None
    limits: Limits

    @classmethod
    def of(cls, name: RunName, workspace_id: WorkspaceId, spec: RunSpec) -> Self:
        """Returns the record of a new run."""
        return cls(
            name=name,
            workspace_id=workspace_id,
            digest=digest(spec),
            runtime=spec.runtime,
            model=spec.model,
            effort=spec.effort,
            limits=spec.limits,
        )

    def write(self, directory: Path) -> None:
        """Makes it durable. Raises OSError."""
        fields = asdict(self) | {"limits": _plain(self.limits)}
        record.write(directory / RECORD, fields)

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Returns the record in `directory`, or None where there is none that can be read."""
        try:
            found = record.read(directory / RECORD)
            if found is None:
                return None
            limits = found.pop("limits")
            return cls(
                name=RunName(**found.pop("name")),
                limits=Limits(
                    step_timeout=timedelta(seconds=limits["step_timeout"]),
                    silence=timedelta(seconds=limits["silence"]),
                    max_output_bytes=limits["max_output_bytes"],
                ),
                **found,
            )
        except (ValueError, TypeError, KeyError, NotADirectoryError):
            return None

    def spec(self) -> RunSpec:
        """Returns the spec without its prompt, which only the start needs."""
        return RunSpec(
            runtime=self.runtime,
            model=self.model,
            effort=self.effort,
            prompt="",
            limits=self.limits,
        )


def digest(spec: RunSpec) -> str:
    """Returns what differs where two specs do."""
    fields = asdict(spec) | {"limits": _plain(spec.limits)}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _plain(limits: Limits) -> dict[str, float]:
    return {
        "step_timeout": limits.step_timeout.total_seconds(),
        "silence": limits.silence.total_seconds(),
        "max_output_bytes": limits.max_output_bytes,
    }
