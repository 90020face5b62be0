"""Payloads of about a mebibyte, each of which is dear to read in its own way."""

from collections.abc import Callable
from typing import Any

from services.contract.container import CONTAINER
from services.contract.payload import PAYLOAD
from services.contract.soundness import MOST_VALUES, PAYLOAD_LIMIT

ROOM = PAYLOAD_LIMIT - 1_000
"""Bytes for what a payload is about, beside what it has to hold."""
MANY = MOST_VALUES - 50
"""Values beside those it has to hold."""


def task(**fields: Any) -> dict[str, Any]:
    """A payload with these fields of the task."""
    return {"repository": "owner/repo", "task": {"instructions": "Go.", **fields}}


def long(piece: str, size: int = ROOM) -> str:
    """The piece over and over, in so many bytes of UTF-8."""
    return piece * (size // len(piece.encode()))


def texts(piece: str, count: int, size: int = ROOM) -> list[str]:
    """So many texts of the piece, which fill so many bytes together."""
    return [long(piece, size // count - 3)] * count


def keys(piece: str, count: int, size: int = ROOM) -> dict[str, Any]:
    """So many keys that begin differently and fill so many bytes together."""
    tail = long(piece, size // count - 12)
    return {f"{number:x}{tail}": 1 for number in range(count)}


def deep(leaf: Any, levels: int = 11) -> Any:
    """The leaf in so many objects."""
    for _ in range(levels):
        leaf = {"a": leaf}
    return leaf


def wide(width: int, levels: int) -> Any:
    """A tree of lists."""
    return [wide(width, levels - 1) for _ in range(width)] if levels else 0.5


def steps(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many steps alike."""
    return [{"instructions": "Go on.", **fields} for _ in range(count)]


def skills(count: int, args: Any) -> list[dict[str, Any]]:
    """Steps with a skill of their own each."""
    return [{"skill": {"id": f"skill-{number}", "args": args}} for number in range(count)]


def limits() -> dict[str, Any]:
    """Every field of the limits, wrong."""
    part: Any = PAYLOAD.fields["task"]
    return dict.fromkeys(part.fields["limits"].fields, "soon")


def container(**fields: Any) -> dict[str, Any]:
    """A container with these fields and every other one wrong."""
    wrong: dict[str, Any] = {name: [] for name in CONTAINER.fields}
    return task(container={**wrong, **fields})


_WORDS = [f"w{number}.{'x' * 50}" for number in range(64)]

MEBIBYTES: dict[str, Callable[[], dict[str, Any]]] = {
    "an objective with steps that fill the plan": lambda: task(
        instructions=long("Reach it. ", 20_000), steps=steps(100, instructions="y" * 10_000)
    ),
    "100 steps under an objective of 30 KiB": lambda: task(
        instructions=long("Reach it. ", 30 * 1024), steps=steps(100, title="t" * 200)
    ),
    "an objective of lines": lambda: task(
        instructions=long("\n", 256 * 1024), steps=steps(3, instructions=long("\n", 240 * 1024))
    ),
    "an objective of Windows lines": lambda: task(
        instructions=long("a\r\n", 256 * 1024),
        steps=steps(3, instructions=long("\r\n.", 240 * 1024)),
    ),
    "an objective in Japanese": lambda: task(
        instructions=long("日本語で書く。", 256 * 1024),
        steps=steps(3, instructions=long("書く。\n", 240 * 1024)),
    ),
    "ASCII": lambda: task(later=long("All is well. ")),
    "quotes": lambda: task(later=long('"', ROOM // 2)),
    "escapes": lambda: task(later=long("\\\n", ROOM // 2)),
    "Latin": lambda: task(later=long("Schöne Grüße à tous. ")),
    "Cyrillic": lambda: task(later=long("Всё хорошо. ")),
    "Japanese": lambda: task(later=long("日本語")),
    "Persian with joiners": lambda: task(later=long("می\u200cخواهم ")),
    "Devanagari": lambda: task(later=long("नमस्ते ")),
    "emoji": lambda: task(later=long("👩\u200d👩\u200d👧 ")),
    "zero width in threes": lambda: task(later=long("\u200b\u200c\u200da")),
    "zero width alone": lambda: task(later=long("\u200b")),
    "nothing but blanks": lambda: task(instructions=long(" \u3000", 256 * 1024), later=long(" ")),
    "nothing that can be seen": lambda: task(
        instructions=long("\u2800\u00ad", 256 * 1024), later=long("\u2800")
    ),
    "64 marks on each letter": lambda: task(later=long("e" + "\u0301" * 64)),
    "marks without end": lambda: task(later=long("\u0301")),
    "marks beyond the basic plane": lambda: task(later=long("\U0001d165")),
    "selectors on ideographs": lambda: task(later=long("葛\U000e0100")),
    "carriage returns": lambda: task(later=long("\r\n")),
    "as many short texts": lambda: task(later=texts("ab ", MANY)),
    "as many texts in Greek": lambda: task(later=texts("αβγ ", MANY)),
    "as many texts with joiners": lambda: task(later=texts("a\u200d", MANY)),
    "as many texts of emoji": lambda: task(later=texts("👍🏽", MANY)),
    "as many bad texts": lambda: task(later=texts("ab\x1b", MANY)),
    "as many bad texts that end badly": lambda: task(later=[long("é", 40) + "\u202e"] * MANY),
    "as many unknown keys": lambda: task(later=keys("x", MANY)),
    "as many unknown keys of the root": lambda: {**task(), **keys("x", MANY)},
    "as many unknown keys in Hangul": lambda: task(**keys("한", MANY)),
    "as many unknown keys of emoji": lambda: task(**keys("👍", MANY)),
    "as many bad keys": lambda: task(**keys("\u202e", MANY)),
    "as many keys that look like URLs": lambda: task(**keys("//a@b", MANY)),
    "as many keys nearly known": lambda: task(
        **{
            f"{name}{number}": 1
            for number in range(MANY // 8)
            for name in (*limits(), "instruction")
        }
    ),
    "as many wrong fields in a step": lambda: task(steps=[{**keys("x", MANY)}]),
    "100 steps with wrong fields": lambda: task(steps=steps(100, **keys("x", 46, 10_000))),
    "1,000 wrong steps": lambda: task(steps=[7] * 1_000, later=long("x", 1_000_000)),
    "100 wrong steps": lambda: task(
        steps=[
            {"id": "/", "title": ["x"], "instructions": 7, "skill": {"id": "/"}, "runtime": "a"}
            for _ in range(100)
        ],
        limits=limits(),
    ),
    "70 skills with 64 capabilities each": lambda: task(
        steps=[
            {
                "skill": {
                    "id": f"s{number}",
                    "requiredCapabilities": [f"{word}{number}" for word in _WORDS],
                }
            }
            for number in range(70)
        ]
    ),
    "100 skills with arguments": lambda: task(
        steps=skills(100, {f"n{number}": "y" * 200 for number in range(1, 48)})
    ),
    "100 skills with fractions": lambda: task(
        steps=skills(100, {f"n{number}": number / 7 for number in range(1, 48)})
    ),
    "one skill of long arguments for 3 steps": lambda: task(
        skill={"id": "s", "args": {"long": long("x", 900_000)}}, steps=steps(3)
    ),
    "one skill of invisible arguments": lambda: task(
        skill={"id": "s", "args": {"long": long("\u00ada", 400_000)}}, steps=steps(1)
    ),
    "as many floats": lambda: task(later=[number / 7 for number in range(MANY)]),
    "as many tiny floats": lambda: task(later=[5e-324 * number for number in range(MANY)]),
    "as many huge numbers": lambda: task(later=[1e300 + number for number in range(MANY)]),
    "floats under keys in Greek": lambda: task(
        **{f"{long('α', 40)}{number}": number / 7 for number in range(MANY)}
    ),
    "as many nulls": lambda: task(later=[None] * MANY),
    "as many empty objects": lambda: task(later=[{} for _ in range(MANY)]),
    "as many empty lists": lambda: task(later=[[] for _ in range(MANY)]),
    "nests of 11 levels": lambda: task(later=[deep("x" * 2_000) for _ in range(MANY // 12)]),
    "nests too deep": lambda: task(later=[deep("x" * 2_000, 15) for _ in range(MANY // 16)]),
    "too many nests": lambda: task(later=[deep("x" * 500) for _ in range(1_600)]),
    "a tree of lists": lambda: task(later=wide(3, 7)),
    "300,000 values": lambda: task(later=[0] * 300_000),
    "a container's arguments": lambda: container(enabled=True, command=[long("x", 1_000)] * 1_000),
    "a container's variables": lambda: container(
        enabled=True, env={f"V{number}": long("é", 9_000) for number in range(100)}
    ),
    "wrong variables": lambda: container(env={f"{number}": number for number in range(100)}),
    "an address that is long": lambda: {**task(), "repository": long("https://a@", 2_000)},
    "an address of slashes": lambda: {**task(), "repository": "https://h" + "/a" * 1_000},
    "a branch of slashes": lambda: task(
        git={"newBranch": "a/" * 2_000, "startingBranch": "/" * 255}
    ),
    "all branches of dots": lambda: task(
        git={"newBranch": "a." * 100, "startingBranch": "." * 255}
    ),
    "everything twice by aliases": lambda: {
        **task(),
        "repo": long("x", 2_000),
        "target_runtime": long("y", 500_000),
    },
}
