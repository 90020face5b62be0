"""Puts the skills a task names where the CLIs look for them."""

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pawl.wire.errors import FailedPrecondition, InvalidArgument, Violation

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")

# Codex and Gemini read the first, Claude the second.
PLACES = (".agents/skills", ".claude/skills")
_KNOWN = (*PLACES, ".codex/skills", ".gemini/skills")

MAX_FILES = 1_000
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFile:
    """One file of a skill that came with the call; `path` is below the skill's folder."""

    skill_id: str
    path: str
    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where one skill came from: `operator` or `repository`."""

    skill_id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was placed; `paths` are the folders that were made, relative to the root."""

    skills: tuple[Placed, ...] = ()
    paths: tuple[str, ...] = ()


def place(root: Path, wanted: Sequence[str], sent: Sequence[SkillFile]) -> Placement:
    """Makes each skill of `wanted` visible in every place, before any agent ran in `root`.

    A skill the repository has itself is the source, even where a file of that
    id was sent, and nothing of the repository's is touched: only places that
    lack it get a copy. What is placed is hidden from `git status`. Raises
    FailedPrecondition, reason SKILL_NOT_FOUND, with `metadata.missing` and
    `metadata.available`, and InvalidArgument for paths that leave the skill.
    """
    _check(sent)
    offered = {file.skill_id for file in sent if file.path == "SKILL.md"}
    own = {skill_id: _own(root, skill_id) for skill_id in dict.fromkeys(wanted)}
    missing = [skill_id for skill_id, found in own.items() if not found and skill_id not in offered]
    if missing:
        raise _not_found(missing, sorted(_available(root)), sorted(offered))
    placed: list[Placed] = []
    made: list[str] = []
    for skill_id, found in own.items():
        if found:
            files = list(_read(root, found, skill_id))
        else:
            files = [file for file in sent if file.skill_id == skill_id]
        placed.append(Placed(skill_id=skill_id, source="repository" if found else "operator"))
        for place_name in PLACES:
            target = _target(root, place_name, skill_id)
            if target.exists() or target.is_symlink():
                if not (target / "SKILL.md").is_file():
                    raise _no_room(skill_id, place_name, "has it without a SKILL.md")
                continue
            _write(target, files)
            made.append(str(target.relative_to(root.resolve())))
    _hide(root, made)
    return Placement(skills=tuple(placed), paths=tuple(made))


def _own(root: Path, skill_id: str) -> Path | None:
    """The repository's own folder of a skill, resolved, if it really lies in it."""
    for place_name in _KNOWN:
        folder = root / place_name / skill_id
        sheet = folder / "SKILL.md"
        if sheet.is_file() and _inside(root, sheet) and _inside(root, folder):
            return folder.resolve()
    return None


def _available(root: Path) -> set[str]:
    found: set[str] = set()
    for place_name in _KNOWN:
        folder = root / place_name
        if folder.is_dir() and _inside(root, folder):
            names = (path.name for path in folder.iterdir())
            found.update(name for name in names if ID.match(name) and _own(root, name))
    return found


def _target(root: Path, place_name: str, skill_id: str) -> Path:
    """Where a copy goes, links resolved; refused where they lead out of the repository."""
    parent = root / place_name
    resolved = parent.resolve()
    for above in (resolved, *resolved.parents):
        if not above.is_relative_to(root.resolve()):
            break
        if above.exists() and not above.is_dir():
            raise _no_room(skill_id, place_name, "is in the way as a file")
    if not _inside(root, parent):
        raise _no_room(skill_id, place_name, "is a link that leaves the repository")
    return resolved / skill_id


def _inside(root: Path, path: Path) -> bool:
    try:
        resolved = path.resolve()
    except (RuntimeError, OSError):  # links in a circle
        return False
    top = root.resolve()
    return resolved.is_relative_to(top) and ".git" not in resolved.relative_to(top).parts


def _read(root: Path, folder: Path, skill_id: str) -> Iterator[SkillFile]:
    count = size = 0
    for path in sorted(folder.rglob("*")):
        # A link to a file of the repository is copied as that file; others,
        # and folders behind links, stay behind.
        if not path.is_file() or not _inside(root, path):
            continue
        count += 1
        size += path.stat().st_size
        if count > MAX_FILES or size > MAX_BYTES:
            limit = f"more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB"
            raise FailedPrecondition("SKILL_NOT_FOUND", f"skill {skill_id} has {limit}")
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
        name = path.relative_to(folder).as_posix()
        yield SkillFile(skill_id=skill_id, path=name, data=path.read_bytes(), executable=executable)


def _write(target: Path, files: Sequence[SkillFile]) -> None:
    target.mkdir(parents=True)
    for file in files:
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(0o755 if file.executable else 0o644)


def _hide(root: Path, made: Sequence[str]) -> None:
    if not made:
        return
    escaped = (re.sub(r"([\\*?\[\]!#\s])", r"\\\1", path) for path in made)
    with (root / ".git" / "info" / "exclude").open("a", errors="surrogateescape") as file:
        file.writelines(f"/{path}/\n" for path in escaped)


def _check(sent: Sequence[SkillFile]) -> None:
    for file in sent:
        path = PurePosixPath(file.path)
        wrong = path.is_absolute() or not path.parts or ".." in path.parts or "\0" in file.path
        wrong = wrong or any(part.lower() == ".git" for part in path.parts)
        if wrong or not ID.match(file.skill_id):
            name = f"{file.skill_id}/{file.path}"[:200]
            description = f"{name!r} does not name a file below a skill's folder"
            raise InvalidArgument([Violation("skill_file.path", "BAD_PATH", description)])
    names = {(file.skill_id, file.path) for file in sent}
    folders = {
        (file.skill_id, str(above)) for file in sent for above in PurePosixPath(file.path).parents
    }
    if len(names) < len(sent) or names & folders:
        description = "two files of a skill need the same path"
        raise InvalidArgument([Violation("skill_file.path", "BAD_PATH", description)])
    if len(sent) > MAX_FILES or sum(len(file.data) for file in sent) > MAX_BYTES:
        description = f"at most {MAX_FILES} files and {MAX_BYTES >> 20} MiB"
        raise InvalidArgument([Violation("skill_file", "SIZE", description)])


def _not_found(
    missing: Sequence[str], own: Sequence[str], sent: Sequence[str]
) -> FailedPrecondition:
    # What else the operator has is not known here: only what a task names is sent.
    message = (
        f"no skill {', '.join(missing)} in the operator's skills or in the "
        f"repository's .agents/skills; the repository has: {', '.join(own[:20]) or 'none'}"
    )
    available = sorted({*own, *sent})
    metadata = {"missing": ",".join(missing), "available": ",".join(available[:50])}
    return FailedPrecondition("SKILL_NOT_FOUND", message, metadata=metadata)


def _no_room(skill_id: str, place_name: str, why: str) -> FailedPrecondition:
    message = f"skill {skill_id} cannot be placed: {place_name} of the repository {why}"
    metadata = {"missing": skill_id, "available": ""}
    return FailedPrecondition("SKILL_NOT_FOUND", message, metadata=metadata)
