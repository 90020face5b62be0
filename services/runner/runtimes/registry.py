"""Lists the runtimes there are: a new CLI is a new file and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.runner.runtimes.claude import CLAUDE_ENV, Claude
from services.runner.runtimes.codex import CODEX_ENV, Codex
from services.runner.runtimes.gemini import GEMINI_ENV, Gemini
from services.runner.runtimes.runtime import Runtime, RuntimeSettings


@dataclass(frozen=True, slots=True)
class RuntimeKind:
    """How to make a runtime, and what of the environment passes to it unasked."""

    make: Callable[[RuntimeSettings], Runtime]
    env: tuple[str, ...]


RUNTIMES: Mapping[str, RuntimeKind] = {
    Codex.name: RuntimeKind(Codex, CODEX_ENV),
    Gemini.name: RuntimeKind(Gemini, GEMINI_ENV),
    Claude.name: RuntimeKind(Claude, CLAUDE_ENV),
}
