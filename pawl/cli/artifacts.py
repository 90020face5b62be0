"""`pawl artifacts`: what a job leaves behind."""

import codecs
import hashlib
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, tables
from pawl.cli.exits import REFUSED, SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import Unusable, say
from pawl.cli.text import lines
from pawl.client import OrchestratorClient, connected


async def artifacts(
    job: str,
    path: str = "",
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    options: Options = DEFAULTS,
) -> int:
    """List what a job leaves behind, or write one of it to standard output.

    Parameters
    ----------
    job
        The job's id.
    path
        One artifact, as the list names it.
    output
        Write it to this file instead.
    """
    if path and options.json:
        raise Unusable("--json is for the list of artifacts; leave it away to read one")
    if output is not None and not path:
        raise Unusable("--output needs the path of one artifact")
    async with connected(options.target, token=options.token) as client:
        if path:
            return await _read(client, job, path, output)
        found = await client.artifacts(job)
    if options.json:
        documents.put(found)
        return SUCCEEDED
    tables.put(
        ("path", "bytes", "type", "sha256"),
        [(a.path, str(a.size_bytes), a.content_type, a.sha256) for a in found.artifacts],
    )
    return SUCCEEDED


async def _read(client: OrchestratorClient, job: str, path: str, output: Path | None) -> int:
    listed = await client.artifacts(job)
    promised = {artifact.path: artifact.sha256 for artifact in listed.artifacts}
    digest = hashlib.sha256()
    sink = _Terminal() if output is None and sys.stdout.isatty() else _Bytes(output)
    try:
        async with aclosing(client.read_artifact(job, path)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                sink.write(piece)
        whole = promised.get(path) in {None, digest.hexdigest()}
        sink.close(whole=whole)
    except BaseException:
        sink.close(whole=False)
        raise
    if whole:
        return SUCCEEDED
    say("what arrived does not have the digest that was listed; do not trust it, read it again")
    return REFUSED


class _Bytes:
    """Standard output, or a file that only appears once it is whole."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part") if path else None
        try:
            self._file = self._draft.open("wb") if self._draft else sys.stdout.buffer
        except OSError as error:
            raise Unusable(f"{path} cannot be written: {error.strerror}") from error

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self, *, whole: bool) -> None:
        self._file.flush()
        if self._path is None or self._draft is None:
            return
        self._file.close()
        if whole:
            self._draft.replace(self._path)
        else:
            self._draft.unlink(missing_ok=True)


class _Terminal:
    """A terminal: text only, with nothing in it that the terminal would obey."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> None:
        sys.stdout.write(lines(self._decoder.decode(data)))

    def close(self, *, whole: bool) -> None:
        sys.stdout.write(lines(self._decoder.decode(b"", final=True)))
        sys.stdout.flush()
