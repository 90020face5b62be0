"""The operator's folder of skills, read for runners that have none of it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from services.orchestrator.drive.ports import SkillFile
from services.orchestrator.jobs.failures import Reason, failed

MAX_FILES = 1_000
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """``<folder>/<id>/SKILL.md`` and what lies beside it; None has no skills."""

    folder: Path | None

    def ids(self) -> tuple[str, ...]:
        """The skills there are."""
        if self.folder is None or not self.folder.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self.folder.iterdir() if _is_skill(entry)))

    def files(self, skill_ids: tuple[str, ...]) -> tuple[SkillFile, ...]:
        """All files of those skills that are in the folder; links are not followed.

        Raises JobFailed with WORKSPACE_LIMIT_BYTES when they are too many or too large.
        """
        if self.folder is None:
            return ()
        found: list[SkillFile] = []
        size = 0
        for skill_id in skill_ids:
            root = self.folder / skill_id
            if not _is_skill(root):
                continue
            for parent, folders, names in os.walk(root, followlinks=False):
                folders.sort()
                for name in sorted(names):
                    path = Path(parent, name)
                    status = path.lstat()
                    if not stat.S_ISREG(status.st_mode):
                        continue
                    size += status.st_size
                    found.append(
                        SkillFile(
                            skill_id=skill_id,
                            path=path.relative_to(root).as_posix(),
                            executable=bool(status.st_mode & stat.S_IXUSR),
                            source=path,
                        )
                    )
                    if len(found) > MAX_FILES or size > MAX_BYTES:
                        raise failed(
                            Reason.WORKSPACE_LIMIT_BYTES,
                            f"the skills of this task have more than {MAX_FILES} files or "
                            f"{MAX_BYTES // 1024**2} MiB",
                            f"Make the skill {skill_id} smaller, or commit it to the repository.",
                        )
        return tuple(found)


def _is_skill(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and (path / "SKILL.md").is_file()
