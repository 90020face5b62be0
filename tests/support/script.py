"""The tiny language in which a test's prompt tells the scripted agent what it should do.

A directive is a line that begins with `do: ` (white space and a quote mark `>` or `|` may stand
before it); all other text is prose. README.md beside this file lists the directives.

A step's prompt also holds the objective of its task. So when a line of a prompt begins with
`STEP n/N`, only the directives after the first such line count; in any other prompt all do.

Imports nothing but the standard library, and little of that: the scripted agent starts with it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

LONGEST_PAUSE_SECONDS = 600.0
_MOST_BYTES = 4 * 1024**3

_STEP = re.compile(r"^[\s>|#*=_\-\[(<]*STEP \d+/\d+\b", re.MULTILINE)
_LINE = re.compile(r"^[ \t>|]*do: *(\S+)[ \t]*(.*?)\s*$", re.MULTILINE)
_PATH = re.compile(r'(?:"([^"]+)"|(\S+))(?: (.*))?', re.DOTALL)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ESCAPE = re.compile(r"\\([nt\\])")
_ESCAPED = {"n": "\n", "t": "\t", "\\": "\\"}


class ScriptError(Exception):
    """A directive cannot be understood; the message quotes it."""


class Directive(NamedTuple):
    """One thing to do. Fields a verb does not use are empty or zero."""

    verb: str
    text: str = ""
    path: str = ""
    number: float = 0.0


def says_something(prompt: str) -> bool:
    """Whether a text looks like the prompt of a scripted run."""
    return _LINE.search(prompt) is not None or _STEP.search(prompt) is not None


def parse(prompt: str) -> list[Directive]:
    """The directives of a prompt's own step, in order.

    Raises `ScriptError` at the first one that is unknown or lacks an argument.
    """
    step = _STEP.search(prompt)
    return [
        _directive(match[1], match[2])
        for match in _LINE.finditer(prompt, step.end() if step is not None else 0)
    ]


def _directive(verb: str, argument: str) -> Directive:
    if verb not in _FORMS:
        raise ScriptError(f"there is no directive 'do: {verb}' (see tests/support/README.md)")
    try:
        return _FORMS[verb](verb, argument)
    except ValueError as problem:
        raise ScriptError(f"'do: {verb} {argument}': {problem}") from problem


def _bare(verb: str, argument: str) -> Directive:
    if argument:
        raise ValueError("takes no argument")
    return Directive(verb)


def _line(verb: str, argument: str) -> Directive:
    """A shell command, in which backslashes are the shell's."""
    if not argument:
        raise ValueError("needs an argument")
    return Directive(verb, text=argument)


def _name(verb: str, argument: str) -> Directive:
    if not _NAME.fullmatch(argument):
        raise ValueError("needs a name of lower-case letters, digits, '.', '_' and '-'")
    return Directive(verb, text=argument)


def _text(verb: str, argument: str) -> Directive:
    return _line(verb, argument)._replace(text=_unescaped(argument))


def _path(verb: str, argument: str) -> Directive:
    parts = _PATH.fullmatch(argument)
    if parts is None:
        raise ValueError("needs a path")
    return Directive(verb, path=parts[1] or parts[2], text=_unescaped(parts[3] or ""))


def _perhaps_path(verb: str, argument: str) -> Directive:
    return _path(verb, argument) if argument else Directive(verb)


def _seconds(verb: str, argument: str) -> Directive:
    seconds = float(argument)
    if not 0 <= seconds <= LONGEST_PAUSE_SECONDS:
        raise ValueError(f"must be from 0 to {LONGEST_PAUSE_SECONDS:g} seconds")
    return Directive(verb, number=seconds)


def _count(verb: str, argument: str) -> Directive:
    count = int(argument)
    if not 0 <= count <= _MOST_BYTES:
        raise ValueError(f"must be from 0 to {_MOST_BYTES}")
    return Directive(verb, number=count)


def _code(verb: str, argument: str) -> Directive:
    """`CODE [RETRY_AFTER_SECONDS]`; the second number lands in `text`, empty when absent."""
    code, _, retry_after = argument.partition(" ")
    if retry_after:
        int(retry_after)
    return _count(verb, code)._replace(text=retry_after)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text)


_FORMS: dict[str, Callable[[str, str], Directive]] = {
    "write": _path,
    "append": _path,
    "read": _path,
    "touch": _path,
    "wait-for": _path,
    "run": _line,
    "say": _text,
    "think": _text,
    "sleep": _seconds,
    "skill": _name,
    "fail": _code,
    "refuse": _bare,
    "audit": _path,
    "exit": _count,
    "signal": _line,
    "ignore-signals": _bare,
    "fork-daemon": _perhaps_path,
    "bytes": _count,
    "numbers": _count,
    "noise": _count,
    "noise-line": _count,
    "copy": _path,
    "copies": _path,
    "talk": _seconds,
    "line": _count,
    "stdout": _text,
    "stderr": _text,
    "silent": _seconds,
    "linger": _seconds,
    "truncate-stdout": _bare,
}

AGENT_ONLY = frozenset(
    {
        "audit",
        "exit",
        "signal",
        "ignore-signals",
        "fork-daemon",
        "bytes",
        "numbers",
        "noise",
        "noise-line",
        "copy",
        "copies",
        "talk",
        "line",
        "stdout",
        "stderr",
        "silent",
        "linger",
        "truncate-stdout",
    }
)
