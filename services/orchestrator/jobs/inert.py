"""Makes text of agents and users inert in Markdown: shown as it is, never markup."""

import re
import textwrap

from services.orchestrator.jobs.plaintext import JOINER, line, plain

WRAP_COLUMNS = 100
"""Where lines of a block end; a forge scrolls longer ones out of sight."""
MAX_TICKS = 12
"""Longer runs of backticks are broken, so that no fence is longer than what it holds."""

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
HEX = re.compile(r"\b([0-9a-f]{4})(?=[0-9a-f]{3,}\b)", re.IGNORECASE)
LINKED = re.compile(r"(\bwww(?=\.)|:(?=\S))", re.IGNORECASE)
TICKS = re.compile("`+")
LONG_TICKS = re.compile(f"`{{{MAX_TICKS}}}(?=`)")


def prose(text: str, limit: int) -> str:
    """`text` as running words of Markdown: nothing in it is markup, a link or an emoji."""
    # A backslash does not keep a forge from reading a formula between two dollars.
    words = HEX.sub(rf"\1{JOINER}", line(text, limit)).replace("$", "＄")
    return PUNCTUATION.sub(r"\\\1", LINKED.sub(rf"\1{JOINER}", words))


def code(text: str, limit: int) -> str:
    """`text` as inline code, which may stand in the cell of a table; a dash for nothing."""
    words = _tamed(line(text, limit))
    if not words:
        return "-"
    ticks = "`" * (_longest_run(words) + 1)
    gap = " " if "`" in {words[0], words[-1]} else ""
    # A table ends its cells before it looks for code: there, `\|` is a bar, `\\|` is an end.
    bars = words.replace("\\|", f"\\{JOINER}|").replace("|", "\\|")
    return f"{ticks}{gap}{bars}{gap}{ticks}"


def quoted(text: str, limit: int) -> str:
    """`text` as a block of code of at most `limit` characters, which says so where it is cut."""
    whole = text.strip("\r\n")
    if not whole.strip():
        return "*Nothing.*"
    kept = min(len(whole), limit)
    while True:
        block = _fenced(whole[:kept])
        if kept < len(whole):
            block += f"\n\n*Cut: the first {kept:,} of {len(whole):,} characters.*"
        if len(block) <= limit or kept <= 1:
            return block
        kept = max(1, min(kept * limit // len(block), kept - 1, limit))


def _fenced(text: str) -> str:
    body = plain("\n".join(_wrapped(each) for each in _lines(text)))
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}text\n{body}\n{ticks}"


def _lines(text: str) -> list[str]:
    return _tamed(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _tamed(text: str) -> str:
    return LONG_TICKS.sub(r"\g<0> ", text)


def _wrapped(text: str) -> str:
    if len(text) <= WRAP_COLUMNS:
        return text
    return "\n".join(
        textwrap.wrap(
            text,
            WRAP_COLUMNS,
            expand_tabs=False,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    )


def _longest_run(text: str) -> int:
    return max((len(run) for run in TICKS.findall(text)), default=0)
