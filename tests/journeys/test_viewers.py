"""Many look at one job."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.stack import Stack, bare_repository, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

VIEWERS = 1_000
TALKS_SECONDS = 10
"""What the job writes fifty lines a second for, and what the dashboard may compute meanwhile."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("viewers")) as stack:
        yield stack


@dataclass
class Crowd:
    """Browsers, as far as the server can tell them from any."""

    stack: Stack
    job_id: str
    cookie: str
    present: int = 0
    gaps: int = 0
    ended: int = 0
    everyone: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self) -> None:
        """Follows the job to its end, on a connection of its own."""
        here = urlsplit(self.stack.dashboard)
        reader, writer = await asyncio.open_connection(here.hostname, here.port)
        writer.write(
            f"GET /api/jobs/{self.job_id}/stream HTTP/1.1\r\nHost: {here.netloc}\r\n"
            f"Cookie: {self.cookie}\r\n\r\n".encode()
        )
        last = 0
        async for line in reader:
            if line.startswith(b"HTTP/"):
                assert b" 200 " in line
                self.present += 1
                if self.present == VIEWERS:
                    self.everyone.set()
            elif line.startswith(b"id: "):
                self.gaps += int(line[4:]) != last + 1
                last = int(line[4:])
            elif line == b"event: end\n":
                self.ended += 1
                break
        writer.close()


def logged_in(stack: Stack) -> str:
    """The cookie of a session."""
    token = stack.dashboard_link.partition("#")[2]
    origin = stack.dashboard.rstrip("/")
    answer = httpx.post(f"{origin}/login", data={"token": token}, headers={"Origin": origin})
    return answer.headers["set-cookie"].partition(";")[0]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_thousand_viewers_see_every_event_and_cost_less_than_one_core(
    stack: Stack, tmp_path: Path
) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"a.txt": "a\n"})
    flag = tmp_path / "go"
    job_id = stack.submit(
        task(
            remote, f"do: wait-for {flag}\ndo: talk {TALKS_SECONDS}", "do: say bye", publish="none"
        )
    )
    stack.wait_for_event(job_id, "task.step.started")
    dashboard = stack.pids()["dashboard"]
    crowd = Crowd(stack, job_id, logged_in(stack))
    spent: list[float] = []

    async def gather() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(VIEWERS):
                tasks.create_task(crowd.look())
            await crowd.everyone.wait()
            spent.append(cpu_seconds(dashboard))
            flag.touch()
        spent.append(cpu_seconds(dashboard))

    asyncio.run(gather())

    assert (crowd.ended, crowd.gaps) == (VIEWERS, 0)
    assert stack.wait(job_id)["state"] == "JOB_STATE_SUCCEEDED"
    assert spent[1] - spent[0] < TALKS_SECONDS
