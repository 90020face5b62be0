"""What may change in a repository without anybody having looked at it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.source.names import shown

SETTING = "PAWL_WORKFLOW_CHANGES"


class WorkflowChanges(StrEnum):
    """What becomes of a result that changes what a forge runs by itself."""

    DENY = auto()
    DRAFT = auto()
    ALLOW = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenPolicy:
    """What the operator lets jobs publish."""

    workflows: WorkflowChanges = WorkflowChanges.DRAFT
    rules_off: frozenset[str] = field(default_factory=frozenset)
    """Shapes of secrets that are not looked for; known values always are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What reviewers are told of a result that may be published; sentences."""

    draft_because: tuple[str, ...] = ()
    """Why it may only become a draft; empty where nothing asks for one."""
    cautions: tuple[str, ...] = ()
    """What else deserves a look."""


RUN_FOLDERS = (
    b".github/workflows/",
    b".github/actions/",
    b".gitea/workflows/",
    b".forgejo/workflows/",
    b".gitlab/ci/",
    b".circleci/",
    b".buildkite/",
    b".woodpecker/",
    b".azure-pipelines/",
)
RUN_FILES = frozenset(
    {
        b".gitlab-ci.yml",
        b".travis.yml",
        b".drone.yml",
        b".woodpecker.yml",
        b".cirrus.yml",
        b".appveyor.yml",
        b"appveyor.yml",
        b"azure-pipelines.yml",
        b"azure-pipelines.yaml",
        b"bitbucket-pipelines.yml",
        b"jenkinsfile",
    }
)
"""At the root alone, in lower case: a forge may be on a system that knows no other."""
HOOK_FOLDERS = (b".husky/", b".githooks/")
HOOK_FILES = frozenset({b".pre-commit-config.yaml", b"lefthook.yml", b".lefthook.yml"})
OWNER_FOLDERS = (b"", b"docs/", b".github/", b".gitlab/")
BOTS = frozenset(
    {
        b".github/dependabot.yml",
        b".github/dependabot.yaml",
        *(
            folder + name
            for folder in (b"", b".github/", b".gitlab/")
            for name in (b"renovate.json", b"renovate.json5", b".renovaterc", b".renovaterc.json")
        ),
    }
)
LOCKS = frozenset(
    {
        b"package-lock.json",
        b"npm-shrinkwrap.json",
        b"yarn.lock",
        b"pnpm-lock.yaml",
        b"bun.lock",
        b"bun.lockb",
        b"cargo.lock",
        b"go.sum",
        b"poetry.lock",
        b"uv.lock",
        b"pdm.lock",
        b"pipfile.lock",
        b"gemfile.lock",
        b"composer.lock",
        b"gradle.lockfile",
        b"packages.lock.json",
    }
)


def judge(paths: Sequence[bytes], policy: ScreenPolicy, *, drafts: bool) -> Verdict:
    """Judges the changed `paths`, deleted ones included.

    `drafts` tells whether the result can become a draft at all. Raises JobFailed with
    RESULT_REJECTED, naming path and setting.
    """
    runs = [path for path in paths if _runs(path.lower())]
    if runs and policy.workflows is WorkflowChanges.DENY:
        raise _denied(runs[0], f"{SETTING} is deny")
    if runs and policy.workflows is WorkflowChanges.DRAFT and not drafts:
        raise _denied(runs[0], f"{SETTING} is draft, and a branch alone cannot be one")
    told = _told("what the forge runs by itself", runs)
    draft = policy.workflows is WorkflowChanges.DRAFT
    return Verdict(
        draft_because=told if draft else (),
        cautions=(
            *(() if draft else told),
            *_told("who has to review", [path for path in paths if _owners(path.lower())]),
            *_told("what runs on developers' machines", _those(paths, HOOK_FOLDERS, HOOK_FILES)),
            *_told("how dependencies are updated", _those(paths, (), BOTS)),
            *_told("locked dependencies", [path for path in paths if _locks(path.lower())]),
        ),
    )


def _runs(path: bytes) -> bool:
    # What changed is a file or a link: in a folder's own place it leads to what stands elsewhere.
    instead = any(folder.startswith(path + b"/") for folder in RUN_FOLDERS)
    return instead or path.startswith(RUN_FOLDERS) or path in RUN_FILES


def _owners(path: bytes) -> bool:
    return any(path == folder + b"codeowners" for folder in OWNER_FOLDERS)


def _locks(path: bytes) -> bool:
    return path.rpartition(b"/")[2] in LOCKS


def _those(
    paths: Sequence[bytes], folders: tuple[bytes, ...], files: frozenset[bytes]
) -> Sequence[bytes]:
    return [path for path in paths if path.lower().startswith(folders) or path.lower() in files]


def _told(what: str, paths: Sequence[bytes]) -> tuple[str, ...]:
    if not paths:
        return ()
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (f"It changes {what}: {shown(paths[0])}{more}.",)


def _denied(path: bytes, why: str) -> Exception:
    return failed(
        Reason.RESULT_REJECTED,
        f"The result changes {shown(path)}, which the forge runs by itself, and {why}.",
        f"Leave the file out of the task, or have the operator set {SETTING}.",
    )
