"""Where the pinned command line tools that journeys drive are installed."""

from pathlib import Path

NAMES = ("codex", "gemini", "claude")
INSTALLER = Path(__file__).resolve().parents[3] / "deploy" / "clis" / "install.sh"
"""The one the runner's image is made with, so that the versions cannot differ."""


class CliMissing(Exception):
    """A pinned CLI is not installed; the message names the command that installs it."""


def binary(name: str) -> Path:
    """The executable of one pinned CLI, absolute.

    Codex's npm launcher stays as a parent of the real program, which blurs signals and exit codes,
    so its native program is preferred. Gemini's is a script that needs `node` on the PATH.

    Raises `CliMissing` when `install.sh NAME` has not been run for it.
    """
    if name not in NAMES:
        raise CliMissing(f"there is no pinned CLI {name!r}, only {', '.join(NAMES)}")
    modules = INSTALLER.parent / name / "node_modules"
    if not (modules / ".installed").exists():
        raise CliMissing(f"the {name} CLI is not installed: run deploy/clis/install.sh {name}")
    if name == "codex":
        native = sorted(modules.glob("@openai/codex-*/vendor/*/bin/codex"))
        if native:
            return native[0]
    return modules / ".bin" / name
