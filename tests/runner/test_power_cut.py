"""What a runner has told of a run is there after the power was cut: it was synced before.

A killed process loses nothing that it has written, so a kill cannot show a sync that is missing.
Here the runner notes what it syncs, everything is killed, and what lies behind that is cut off.
"""

import contextlib
import os
import signal
from pathlib import Path

import grpc
import pytest

from tests.runner.serving import JOB, Heard, RunnerProcess, follow, follow_until, prepare, request
from tests.support.processes import naming

SAID = 50_000
SHIM = """
import os

notes = os.open(os.environ["SYNCED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def noting(sync):
    def synced(descriptor):
        before = os.fstat(descriptor)
        sync(descriptor)
        os.write(notes, f"{before.st_ino} {before.st_size}\\n".encode())

    return synced


os.fsync, os.fdatasync = noting(os.fsync), noting(os.fdatasync)
"""


def cut_power(runs: Path, notes: Path) -> None:
    """Ends all that runs, and all bytes of journals and captures that nobody has synced."""
    for pid in naming(str(runs)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    synced = {
        int(inode): int(size) for inode, size in map(str.split, notes.read_text().split("\n")[:-1])
    }
    for name in ("journal", "stdout", "stderr"):
        for path in runs.glob(f"*/{name}"):
            status = path.stat()
            os.truncate(path, min(status.st_size, synced.get(status.st_ino, 0)))


@pytest.mark.timeout(60)
async def test_what_was_told_of_a_run_survives_a_power_cut(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    process = RunnerProcess(
        tmp_path / "runner",
        PYTHONPATH=str(tmp_path / "shim"),
        SYNCED=str(tmp_path / "synced"),
    )
    ended = request(f"bytes {SAID}", "say done")
    alive = request(f"bytes {SAID}", "silent 600", run_id=f"{JOB}/1/1")
    heard = Heard()
    async with process.serving() as stub:
        await prepare(stub, repository)
        first = await follow(stub, ended)
        await follow_until(stub.Run(alive), heard, lambda said: len(said.stdout) > SAID, 20)
        await process.kill()
    cut_power(tmp_path / "runner" / "runs", tmp_path / "synced")

    async with process.serving() as stub:
        again = await follow(stub, ended)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await follow(stub, alive, heard)

    assert again.stdout == first.stdout
    assert again.end == first.end
    assert heard.finished is not None, "what was told of the run that lived is gone"
