"""Takes in what a caller sends for a workspace: a pack, and the files of skills."""

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from pawl.wire.errors import DataLoss, InvalidArgument, Violation
from services.runner.workspace.skills import MAX_BYTES, MAX_FILES, SkillFile

LARGEST_PACK = 32 * 1024**3


class Delivery:
    """One call's; the pack goes to disk, the files stay in memory, which bounds them."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / f"{uuid.uuid4().hex}.pack"
        self._digest = hashlib.sha256()
        self._files: dict[tuple[str, str], tuple[bytearray, bool]] = {}
        self._bytes = 0
        self.received = 0
        """Bytes of the pack so far."""

    @property
    def files(self) -> Sequence[SkillFile]:
        """The files of skills, in the order they came."""
        return [
            SkillFile(skill_id=skill_id, path=path, data=bytes(data), executable=executable)
            for (skill_id, path), (data, executable) in self._files.items()
        ]

    def skill(self, skill_id: str, path: str, data: bytes, *, executable: bool) -> None:
        """Appends to one file of a skill. Raises InvalidArgument where there is too much."""
        self._bytes += len(data)
        content, _ = self._files.setdefault((skill_id, path), (bytearray(), executable))
        content += data
        if self._bytes > MAX_BYTES or len(self._files) > MAX_FILES:
            said = f"all skills together have at most {MAX_FILES} files and {MAX_BYTES} bytes"
            raise InvalidArgument([Violation("skill_file", "SIZE", said)])

    def pack(self, data: bytes) -> None:
        """Appends to the pack. Raises OSError, and InvalidArgument where there is too much."""
        self.received += len(data)
        if self.received > LARGEST_PACK:
            said = f"a pack has at most {LARGEST_PACK} bytes"
            raise InvalidArgument([Violation("pack_data", "SIZE", said)])
        self._digest.update(data)
        with self._path.open("ab") as file:
            file.write(data)

    def whole(self, size: int, sha256: str) -> Path | None:
        """Returns the pack, or None where none was needed. Raises DataLoss, PACK_CORRUPT."""
        if size == self.received == 0:
            return None
        if size != self.received or sha256 != self._digest.hexdigest():
            raise DataLoss(
                "PACK_CORRUPT",
                f"{self.received} bytes came that do not match the {size} announced; send again",
            )
        return self._path

    def discard(self) -> None:
        """Removes what lies on disk."""
        self._path.unlink(missing_ok=True)


def drop_old(directory: Path, before: float) -> int:
    """Removes what calls that nobody ended have left, last written to before; returns how much."""
    dropped = 0
    for path in directory.glob("*.pack"):
        if path.stat().st_mtime < before:
            path.unlink()
            dropped += 1
    return dropped


def empty(directory: Path) -> None:
    """Removes what earlier processes left there."""
    if directory.is_dir():
        for path in directory.iterdir():
            path.unlink()
