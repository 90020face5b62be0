"""What the README and the page about events show is what happens."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack, bare_repository, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
BORDER = "---- end of a block ----"


@dataclass(frozen=True)
class Said:
    """What the blocks of a section printed, in their order."""

    blocks: tuple[str, ...]

    def messages(self, block: int) -> list[dict[str, Any]]:
        """The JSON documents in the output of one block."""
        text, decoder = self.blocks[block], json.JSONDecoder()
        found: list[dict[str, Any]] = []
        while text := text.lstrip():
            document, end = decoder.raw_decode(text)
            found.append(document)
            text = text[end:]
        return found


def blocks(heading: str, kind: str) -> list[str]:
    """The fenced blocks of a section of the README, of one kind."""
    section = (ROOT / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{kind}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def exported(block: str, **values: str) -> str:
    """The block that exports the variables, with values of ours; nothing else may be in it."""
    names = re.findall(r"^export (\w+)=\S+$", block, re.MULTILINE)
    assert len(names) == len(block.splitlines())
    assert set(names) == values.keys()
    return "".join(f"export {name}='{value}'\n" for name, value in values.items())


def bash(script: str, stack: Stack, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-e", "-c", script],
        env={"PATH": stack.environment["PATH"], "HOME": stack.environment["HOME"]},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    with running_stack(home) as running:
        yield running


@pytest.fixture(scope="module")
def remote(home: Path) -> Path:
    return bare_repository(home / "remote.git", {"README.md": "# Sample\n"})


@pytest.fixture(scope="module")
def said(home: Path, stack: Stack, remote: Path) -> Said:
    """Runs the section about grpcurl once, as a person would who pastes it into a shell."""
    first, *rest = blocks("By hand, with grpcurl", "sh")
    variables = exported(first, PAWL_TARGET=stack.target, REPOSITORY=str(remote))
    done = bash(variables + "".join(f"{block}echo '{BORDER}'\n" for block in rest), stack, home)
    assert done.returncode == 0, done.stderr
    return Said(tuple(done.stdout.split(f"{BORDER}\n")[:-1]))


def test_the_services_are_listed_described_and_healthy(said: Said) -> None:
    words = said.blocks[0].splitlines()
    assert "pawl.v1.OrchestratorService" in words
    assert "grpc.health.v1.Health" in words
    assert any("rpc SubmitTask (" in line for line in words)
    assert "  string request_id = 2;" in words
    assert '  "status": "SERVING"' in words


def test_a_submit_answers_with_the_job(said: Said) -> None:
    (answer,) = said.messages(1)
    assert answer["job"]["state"] == "JOB_STATE_QUEUED"
    assert answer["job"]["plan"]["task"]["task"]["publish"]["mode"] == "branch"


def test_the_watch_goes_from_the_submit_to_the_end_and_again_from_the_third_event(
    said: Said,
) -> None:
    events = [message["event"] for message in said.messages(2) if "event" in message]
    sequences = [int(event["sequence"]) for event in events]
    newest = max(sequences)
    assert sequences == [*range(1, newest + 1), *range(4, newest + 1)]
    types = [event["type"] for event in events]
    assert types[0] == "job.submitted"
    assert types[newest - 1] == types[-1] == "job.succeeded"
    assert types.count("task.step.finished") == 2


def test_artifacts_are_listed_and_one_is_read(said: Said) -> None:
    listing, text = said.blocks[3].split("\n}\n", 1)
    paths = [artifact["path"] for artifact in json.loads(listing + "}")["artifacts"]]
    assert "logs/execute.log" in paths
    assert "task.step.finished" in text


def test_the_task_of_the_five_minutes_runs_by_the_commands_beside_it(
    home: Path, stack: Stack, remote: Path
) -> None:
    heading = "Five minutes with your own key and repository"
    (document,) = blocks(heading, "yaml")
    (home / "task.yaml").write_text(document.replace("owner/repo ", f"{remote} "))
    lines = blocks(heading, "sh")[1].splitlines()
    validate, prompts, schema, submit, watch, show, explain, artifacts, *_ = lines
    target = f"export PAWL_TARGET={stack.target} PAWL_CONTRACT_TARGET={stack.contract_target}\n"

    looked_at = [bash(target + line, stack, home) for line in (validate, prompts, schema)]
    submitted = bash(target + submit, stack, home)
    job_id = submitted.stdout.strip()
    looked = [
        bash(target + line.replace("JOB", job_id, 1), stack, home)
        for line in (watch, show, explain, artifacts)
    ]

    assert [done.returncode for done in (*looked_at, submitted, *looked)] == [0] * 8
    assert "STEP 3/3" in looked_at[1].stdout
    assert json.loads((home / "task.schema.json").read_text())["title"] == "Pawl task"
    watched, shown, why, listed = (done.stdout for done in looked)
    assert "job.succeeded" in watched
    assert job_id in shown
    assert "job.succeeded" in why
    assert "logs/steps/step-0002.log" in listed


def test_the_page_about_events_shows_what_a_job_tells(stack: Stack, remote: Path) -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    shown = re.findall(r"(?:^|  ) ?(\d+) ((?:job|task)\.[\w.]+)", page, re.MULTILINE)

    job_id = stack.submit(task(remote, "do: write one.txt 1", "do: write two.txt 2"))
    stack.wait(job_id)

    told = {str(event["sequence"]): event["type"] for event in stack.events(job_id)}
    assert dict(shown) == told
