"""Makes the agent's working tree from the cache."""

import shutil
from pathlib import Path

from services.runner.workspace.cache import Cache
from services.runner.workspace.git import Git
from services.runner.workspace.record import Opening

# The identity is in the file, since one of the CLIs hides the environment's
# from its tools; there is no remote, for the agent has nothing to talk to.
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[user]
\tname = Pawl agent
\temail = agent@pawl.invalid
[commit]
\tgpgsign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


async def make(root: Path, cache: Cache, opening: Opening) -> str:
    """Checks the files commit out into the new folder `root`; returns its tree.

    HEAD and the agent's index stand at the base commit on the working branch,
    so that what earlier steps did shows as changes that are not committed.
    Objects are borrowed from the cache, as `git clone --shared` does. Raises
    GitFailed when a commit is not in the cache.
    """
    directory = root / ".git"
    _write(directory, cache, opening.working_branch)
    git = Git(directory=directory, work_tree=root)
    await git.run("update-ref", "HEAD", opening.base_commit)
    await git.run("read-tree", "--reset", "-u", opening.base_commit)
    if opening.files_commit != opening.base_commit:
        index = root.parent / "files.index"
        shutil.copyfile(directory / "index", index)
        ahead = Git(directory=directory, work_tree=root, index=index)
        await ahead.run("read-tree", "-m", "-u", opening.base_commit, opening.files_commit)
        index.unlink()
    tree = await git.run("rev-parse", "--verify", f"{opening.files_commit}^{{tree}}")
    return tree.decode().strip()


def _write(directory: Path, cache: Cache, branch: str) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (directory / folder).mkdir(parents=True)
    (directory / "objects" / "info" / "alternates").write_text(f"{cache.objects}\n")
    (directory / "info" / "exclude").write_text("")
    (directory / "config").write_text(_CONFIG)
    (directory / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
