"""What a job left behind: whole, to be saved; or a part of it, for a page of ours to show."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawl.client import Artifact, OrchestratorClient
from pawl.wire.errors import InvalidArgument, NotFound, Violation
from services.dashboard.streamed import Streamed

LARGEST_PART = 256 * 1024
BYTES = "application/octet-stream"
HARMLESS = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}
"""Whatever a browser makes of the bytes, it runs nothing and asks for nothing."""


class JobFiles:
    """Reads artifacts for browsers."""

    def __init__(self, orchestrator: OrchestratorClient) -> None:
        self._orchestrator = orchestrator

    def routes(self) -> Sequence[BaseRoute]:
        """Where they are."""
        return [
            Route("/tasks/queue/{job_id:str}/artifacts/{path:path}", self.saved),
            Route("/api/jobs/{job_id:str}/part", self.part),
        ]

    async def saved(self, request: Request) -> Response:
        """One artifact as a file to save; a transfer that breaks is no whole one."""
        job_id = request.path_params["job_id"]
        artifact = await self._artifact(job_id, request.path_params["path"])
        pieces = self._orchestrator.read_artifact(job_id, artifact.path)
        # The first piece is read before anything is promised.
        first = await anext(pieces, b"")
        name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{job_id[-8:]}-{artifact.path}")
        headers = HARMLESS | {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(artifact.size_bytes),
        }
        return Streamed(_with(first, pieces), media_type=BYTES, headers=headers)

    async def part(self, request: Request) -> Response:
        """Up to 256 KiB from an offset on; one below 0 counts from the end."""
        job_id, query = request.path_params["job_id"], request.query_params
        artifact = await self._artifact(job_id, query.get("path", ""))
        offset = _number(query.get("offset", "0"))
        begin = max(0, artifact.size_bytes + offset) if offset < 0 else offset
        taken = bytearray()
        if begin < artifact.size_bytes:
            pieces = self._orchestrator.read_artifact(job_id, artifact.path, offset=begin)
            async with aclosing(pieces):
                async for piece in pieces:
                    taken += piece
                    if len(taken) >= LARGEST_PART:
                        break
        headers = HARMLESS | {
            "Content-Disposition": "attachment",
            "X-Pawl-Offset": str(begin),
            "X-Pawl-Size": str(artifact.size_bytes),
        }
        return Response(bytes(taken[:LARGEST_PART]), media_type=BYTES, headers=headers)

    async def _artifact(self, job_id: str, path: str) -> Artifact:
        for artifact in (await self._orchestrator.artifacts(job_id)).artifacts:
            if artifact.path == path:
                return artifact
        raise NotFound("ARTIFACT_NOT_FOUND", f"job {job_id} has no artifact {path!r}")


async def _with(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def _number(given: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,15}", given):
        raise InvalidArgument([Violation("offset", "LIMIT_RANGE", "has to be a number of bytes")])
    return int(given)
