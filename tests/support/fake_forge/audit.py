"""The fake forge's record of every change it made, on disk before the caller hears of it."""

import json
import os
import threading
import time
from pathlib import Path


class Audit:
    """A file of JSON lines, each synced to the disk; it outlives a killed process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def record(self, operation: str, caller: str, request: str, result: dict[str, object]) -> None:
        """Writes down that `request`, which `caller` sent, changed something."""
        entry = {
            "time": time.time(),
            "request": request,
            "caller": caller,
            "operation": operation,
            "result": result,
        }
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> list[dict[str, object]]:
        """Every change so far, the oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]
