"""Cuts a prompt's directives into the turns of a conversation, one tool call each."""

import shlex
from pathlib import PurePosixPath
from typing import NamedTuple

from tests.support import script
from tests.support.script import Directive

CLOSING = "Done: did what the script says."
COMMAND_SECONDS = int(script.LONGEST_PAUSE_SECONDS)

INPUT_TOKENS = 1000
CACHED_TOKENS = 200
OUTPUT_TOKENS = 50
REASONING_TOKENS = 10


class Turn(NamedTuple):
    """One reply of the model: what it thinks and says, then at most one act.

    `act` is None in the last turn, whose `said` is the final message. `pause` is in seconds.
    """

    said: str = ""
    thought: str = ""
    pause: float = 0.0
    act: Directive | None = None


def turn_at(prompt: str, index: int) -> Turn:
    """The turn of a prompt's script with this number; past the end, the last one.

    Raises `ScriptError` for a script that cannot be understood, or that only a scripted agent can
    follow.
    """
    turns = [Turn()]
    for directive in script.parse(prompt):
        if directive.verb in script.AGENT_ONLY:
            raise script.ScriptError(
                f"'do: {directive.verb}' is for the scripted agent; no model can make a CLI do it"
            )
        last = turns[-1]
        match directive.verb:
            case "say":
                turns[-1] = last._replace(said=f"{last.said}\n{directive.text}".strip())
            case "think":
                turns[-1] = last._replace(thought=f"{last.thought}\n{directive.text}".strip())
            case "sleep":
                turns[-1] = last._replace(pause=last.pause + directive.number)
            case _:
                turns[-1] = last._replace(act=directive)
                turns.append(Turn())
    turn = turns[min(index, len(turns) - 1)]
    return turn if turn.act or turn.said else turn._replace(said=CLOSING)


def as_shell(directive: Directive) -> str:
    """The shell command that does what a directive says, for a CLI without a tool for it.

    Substitutes no command: Gemini's shell tool refuses such commands.
    """
    path = shlex.quote(directive.path)
    room = f"mkdir -p -- {shlex.quote(str(PurePosixPath(directive.path).parent))}"
    into = f"{room} && printf %s {shlex.quote(directive.text)}"
    match directive.verb:
        case "run":
            return directive.text
        case "write":
            return f"{into} > {path}"
        case "append":
            return f"{into} >> {path}"
        case "touch":
            return f"{room} && touch -- {path}"
        case "read":
            return f"cat -- {path}"
        case "skill":
            return f"cat -- {shlex.quote(f'.agents/skills/{directive.text}/SKILL.md')}"
        case "wait-for":
            until = shlex.quote(f"until [ -e {path} ]; do sleep 0.05; done")
            return f"timeout {COMMAND_SECONDS} sh -c {until}"
        case other:
            raise script.ScriptError(f"'do: {other}' is no command")
