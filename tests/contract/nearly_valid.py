"""Payloads that are valid but for one to three places."""

import copy
from collections.abc import Iterator
from typing import Any, cast

from hypothesis import strategies as st

from services.contract.kinds import Kind, Listing, Part
from services.contract.lists import Arguments, Free, Variables, Words
from services.contract.payload import PAYLOAD
from services.contract.report import Path
from services.contract.scalars import Number, Text
from services.contract.values import Deployment
from tests.contract.payloads import json_values, valid_payloads

DEPLOYMENTS = {
    "plain": Deployment(),
    "with a repository": Deployment(default_repository="team/default", default_runtime="claude"),
    "with containers": Deployment(containers=True),
}

ODD = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "\u3000",
        "\u200b",
        "\u200b\n\u200b",
        "\u2800",
        "\ufeff",
        "\u00ad \u00ad",
    ),
    *(
        "\u3000HEAD",
        "HEAD",
        "HEAD\u2003",
        "\ufeffHEAD",
        "HEAD\ufeff",
        "head",
        "FETCH_HEAD",
        "heads",
    ),
    *(
        "AUTO_MERGE",
        "a" * 40,
        "b" * 64,
        "a" * 41,
        "refs/heads/a",
        " refs/a",
        "a..b",
        "a//b",
        "a.lock",
    ),
    *(
        "a.lock/b",
        "a.locked",
        "a/.b",
        "a.",
        "a. ",
        "a/",
        "/a",
        "-a",
        "@",
        "@ ",
        "a@",
        "a@{1",
        "a~1",
    ),
    *("a b", "a\u3000b", "a\u200bb", "a\u0600", "a\ufe0f", "a\u034f", "日本", "a" * 251, "é" * 126),
    *(
        "a\tb",
        "a\nb",
        "a\r\nb",
        "a\rb",
        "a\u2028b",
        "\u2028a\u2029",
        "a\r\n",
        "a\r",
        "\r\na",
        "\x0ba",
    ),
    *(
        "a\x00",
        "a\x1f",
        "a\x7f",
        "a\x85",
        "a\u202eb",
        "a\u2066",
        "a\U000e0041",
        "\ud800",
        "a\ufff9b",
    ),
    *(
        "e" + "\u0301" * 65,
        "\u200b" * 4,
        "a\U000e0101",
        "葛\U000e0100",
        "👩\u200d👧",
        "\ue000",
        "\u0378",
    ),
    *(
        "vault://kv/a#b",
        "vault://kv#b",
        "vault://kv/../a#b",
        "vault://./a#b",
        "vault://kv/a",
        "VAULT://a/b#c",
    ),
    *("codex", "CODEX", "Claude", "universal", "gemini2", "GEMİNİ", "pr", "PR", "none", "merge"),
    *(
        "auto",
        "Speckit",
        "speckit",
        ".x",
        "x.",
        "x\n",
        "x y",
        "../x",
        ".",
        "..",
        "/",
        "/a",
        "/a/",
        "/a/./b",
        "/a/..b",
    ),
    *(
        "//a",
        "a/../b",
        "4g",
        "04g",
        "4G",
        "0",
        "JOB_ID",
        "job_id",
        "1A",
        "A",
        "docker",
        "GPU",
        "gpu+1",
        "a,b",
    ),
    *(
        "if-missing",
        "always",
        "debian:12",
        "Debian",
        "owner/repo",
        "/srv/repo",
        "https://u:p@h.example/x",
    ),
    *(
        "git@example.com:a/b",
        "file:///a",
        "o/r/x",
        "high",
        "HIGH",
        "gpt-5[1m]",
        "--yolo",
        "$(id)",
        "{x}",
    ),
)
"""Texts that some field or other should refuse, or take only once trimmed."""

_SIZES = sorted(
    {
        bound + around
        for bound in (32, 64, 128, 200, 250, 255, 256, 512, 1024, 2048, 4096, 16_384, 60_000)
        for around in (-1, 0, 1)
    }
    | {131_072, 131_073, 262_144, 262_145}
)
_NUMBERS = sorted(
    {
        bound + around
        for bound in (1, 1_024, 86_400, 604_800, 2_592_000, 16 * 1024**3, 10**6, 10**12)
        for around in (-1, 0, 1)
    }
)
_FRACTIONS = (0.01, 0.009, 0.5, 1.5, 1024.5, 1_000_000.5, 1e300, 2.0**53, -0.0)
_ODD = st.sampled_from(ODD)
_TEXTS = _ODD | st.builds(
    lambda piece, size: piece * size, st.sampled_from(["x", "é"]), st.sampled_from(_SIZES)
)
_ANY = (
    st.none()
    | st.sampled_from([True, False, [], {}, [None], [[]], ["x"], [7], {"id": "x"}, {"a": 1}, [{}]])
    | st.sampled_from(_NUMBERS)
    | st.sampled_from(_FRACTIONS)
    | _TEXTS
    | json_values
).map(copy.deepcopy)
_PADDING = st.sampled_from(
    ["", " ", "\n", "\t \r\n", "\u3000", "\u2028", "\u200b", "\ufeff", "\x0b"]
)
_COUNTS = (0, 2, 16, 17, 64, 65, 100, 101, 1_000, 1_001)


def _known(part: Part) -> Iterator[str]:
    """Every name of a field anywhere in a part, aliases among them."""
    yield from (*part.fields, *part.aliases, *(part.closed or {}))
    for kind in part.fields.values():
        if isinstance(kind, Part | Listing):
            yield from _known(kind if isinstance(kind, Part) else kind.item)


NAMES = sorted({*_known(PAYLOAD), "colour", "Id", "a b", "\u202e", "a\u200bb", "é", "\n", "JOB_ID"})


def full(part: Part = PAYLOAD) -> Any:
    """A part with all its fields, as its examples have them."""
    return {name: _example(kind) for name, kind in part.fields.items()}


def _example(kind: Kind) -> Any:
    if isinstance(kind, Part):
        return full(kind)
    if isinstance(kind, Listing):
        return [full(kind.item), full(kind.item)]
    if isinstance(kind, Text) and kind.choices:
        return kind.choices[0]
    return copy.deepcopy(kind.examples[0] if kind.examples else kind.default)


def with_container() -> Any:
    """A payload with all fields that runs a container."""
    made = full()
    made["task"]["steps"] = None
    made["task"]["container"]["enabled"] = True
    return made


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path below a value."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, name)
            yield from places(item, (*path, name))


@st.composite
def _changed(draw: st.DrawFn, value: Any) -> Any:
    """What might stand in the place of a value."""
    how = draw(st.sampled_from(["any", "padded", "upper", "longer", "more", "alike"]))
    if isinstance(value, str) and how == "padded":
        return draw(_PADDING) + value + draw(_PADDING)
    if isinstance(value, str) and how == "upper":
        return value.upper()
    if isinstance(value, list) and how in {"longer", "padded"}:
        return [
            copy.deepcopy(value[0]) for _ in range(draw(st.sampled_from(_COUNTS)) if value else 0)
        ]
    if isinstance(value, list) and how == "more":
        return [*value, draw(_ANY)]
    if isinstance(value, dict) and how != "any":
        return {**value, draw(st.sampled_from(NAMES) | _ODD): draw(_ANY)}
    if isinstance(value, str) and how == "alike":
        return draw(_TEXTS)
    if isinstance(value, int | float) and how == "alike":
        return draw(st.sampled_from(_NUMBERS) | st.sampled_from(_FRACTIONS))
    return draw(_ANY)


@st.composite
def nearly_valid(draw: st.DrawFn) -> Any:
    """A valid payload in which one to three places were changed, dropped or spelled otherwise."""
    made: Any = draw(
        st.builds(full) | st.builds(with_container) | valid_payloads.map(copy.deepcopy)
    )
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(made)) or [("task",)]))
        parent, name = made, cast("Any", last)
        for part in above:
            parent = parent[part]
        how = draw(st.sampled_from(["drop", "rename", "set", "set", "set", "set"]))
        if isinstance(parent, list):
            parent[name] = draw(_changed(parent[name]))
        elif how == "set":
            parent[name] = draw(_changed(parent.get(name)))
        elif how == "drop":
            parent.pop(name, None)
        else:
            parent[draw(st.sampled_from(NAMES))] = parent.pop(name, None)
    return made


def fields(part: Part = PAYLOAD, path: Path = ()) -> Iterator[tuple[Path, Kind]]:
    """Every field there is, under each of its names; of elements the first."""
    for name in (*part.fields, *part.aliases):
        kind = part.fields[part.aliases.get(name, name)]
        yield (*path, name), kind
        inner, where = (
            (kind.item, (*path, name, 0)) if isinstance(kind, Listing) else (kind, (*path, name))
        )
        if isinstance(inner, Part):
            yield from fields(inner, where)


def alone(path: Path, value: Any) -> Any:
    """A payload with this value in this place and little else."""
    return _around(PAYLOAD, path, value)


def _around(part: Part, path: Path, value: Any) -> Any:
    name, *rest = path
    made = {
        other: _example(kind)
        for other, kind in part.fields.items()
        if (isinstance(kind, Text) and kind.required) or other in {"repository", "instructions"}
    }
    kind = part.fields[part.aliases.get(str(name), str(name))]
    if name in part.aliases:
        made.pop(part.aliases[str(name)], None)
    if part is PAYLOAD and name != "task":
        made["task"] = {"instructions": "Go."}
    if isinstance(kind, Listing) and rest:
        made[str(name)] = [_around(kind.item, tuple(rest[1:]), value)]
    elif isinstance(kind, Part) and rest:
        made[str(name)] = _around(kind, tuple(rest), value)
    else:
        made[str(name)] = value
    return made


def values(kind: Kind) -> Iterator[Any]:
    """What such a field may hold, just about may not, and could never."""
    yield from (
        None,
        True,
        False,
        0,
        0.5,
        "x",
        [],
        {},
        [None],
        [[]],
        [{}],
        {"x": None},
        {"id": "x"},
    )
    bounds: tuple[float, ...] = ()
    match kind:
        case Text():
            bounds = (kind.most, kind.most_characters or 1)
            yield from ODD
            yield from (
                f"{space}{word}\n" for space in ("\u3000", "\ufeff") for word in _words(kind)
            )
            yield from (size * letter for size in (*_SIZES, *_near(*bounds)) for letter in "xé")
        case Number():
            yield from (*_NUMBERS, *_FRACTIONS, *_near(kind.low, kind.high), kind.low - 0.001)
        case Words() | Arguments() | Listing():
            sample: Any = full(kind.item) if isinstance(kind, Listing) else "x"
            yield from ([copy.deepcopy(sample) for _ in range(size)] for size in _near(kind.most))
            strange: tuple[Any, ...] = (*ODD, 7, None, True, {}, "x" * 131_073)
            yield from ([sample, item] for item in strange)
        case Variables():
            yield from ({f"V{n}": "x" for n in range(size)} for size in _near(kind.most))
            yield from ({odd: "x"} for odd in (*ODD, "x" * 128, "x" * 129, "Job_Id", "JOB_ID2"))
            yield from ({"x": odd} for odd in (*ODD, 7, None))
        case Free() | Part():
            yield from ({odd: "x"} for odd in ODD)
            yield from ({"x": {"deep": [odd]}} for odd in ODD)
            yield from ({name: "x"} for name in NAMES)
        case _:
            pass


def _words(kind: Text) -> tuple[Any, ...]:
    return (*kind.choices, *kind.examples, *(word.upper() for word in kind.choices))


def _near(*bounds: float) -> list[Any]:
    return [bound + around for bound in bounds for around in (-1, 0, 1)]
