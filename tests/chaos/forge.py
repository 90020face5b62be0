"""The forge of a chaos run: the fake one, in a process of its own that nothing strikes."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.stack import bare_repository

ROOT = Path(__file__).resolve().parents[2]
OWNER = "pawl"
PERSON = "a-person-of-the-forge"
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A running forge, as a person sees it who may also steer it."""

    url: str
    folder: Path
    unique: bool
    """Whether it keeps to one open pull request of a branch."""

    @property
    def audit(self) -> Path:
        """Every change it made, on disk before anybody heard of it."""
        return self.folder / "audit"

    @property
    def answers(self) -> Path:
        """Every answer that was not faithful."""
        return self.folder / "answers"

    @property
    def repositories(self) -> dict[str, Path]:
        """The bare repositories by the addresses that tasks name."""
        found = sorted(self.folder.glob(f"{OWNER}/*.git"))
        return {f"{self.url}/{OWNER}/{git.name}": git for git in found}

    def steer(self, **document: object) -> None:
        """Changes how it behaves from now on."""
        status = self.ask("POST", "/steering", document)
        if status != 200:
            raise ValueError(f"the forge was not steered: {status} to {document}")

    def ask(self, method: str, path: str, sent: object) -> int:
        """The status of what a person asks of the API."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            headers = {"Authorization": f"Bearer {PERSON}"}
            connection.request(method, path, json.dumps(sent), headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status


@contextlib.contextmanager
def forge_in(
    folder: Path, *, files: Mapping[str, str], token_file: Path, hosts: int = 1, unique: bool = True
) -> Iterator[Forge]:
    """A forge below `folder` with so many repositories alike, for the length of the block."""
    for number in range(hosts):
        bare_repository(folder / OWNER / f"remote-{number}.git", files)
    command = [
        *(sys.executable, "-m", "tests.support.fake_forge", "--repositories", str(folder)),
        *("--audit", str(folder / "audit"), "--answers", str(folder / "answers")),
        *("--token-file", str(token_file), "--person", PERSON),
    ]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            if not url:
                raise RuntimeError(f"the forge did not start: {(folder / 'log').read_text()}")
            forge = Forge(url=url, folder=folder, unique=unique)
            if not unique:
                forge.steer(unique=False)
            yield forge
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
