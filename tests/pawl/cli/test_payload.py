"""Payloads from files, and what is said about those that are none."""

import io
import json
from pathlib import Path

import pytest

from pawl.cli import payload
from pawl.cli.refusals import Unusable


def read(tmp_path: Path, data: bytes | str, name: str = "task.yaml") -> dict[str, object]:
    file = tmp_path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return payload.read(str(file)).value


def test_yaml_is_read_as_version_1_2(tmp_path: Path) -> None:
    text = "a: no\nb: 0o14\nc: 2024-01-31\nd: null\ne: [1, 2.5, true]\n"
    expected = {"a": "no", "b": 12, "c": "2024-01-31", "d": None, "e": [1, 2.5, True]}
    assert read(tmp_path, text) == expected


def test_json_is_read_with_tabs_and_a_byte_order_mark(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{\n\t"a": "\\u00e4"}'
    assert read(tmp_path, data, "task.json") == {"a": "ä"}
    assert read(tmp_path, data) == {"a": "ä"}


def test_a_flow_mapping_is_yaml_although_it_starts_like_json(tmp_path: Path) -> None:
    assert read(tmp_path, "{a: b}") == {"a": "b"}


def test_standard_input_is_a_hyphen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a: 1\n")))
    assert payload.read("-").value == {"a": 1}


def test_aliases_are_filled_in(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &x {k: v}\nb: *x\n") == {"a": {"k": "v"}, "b": {"k": "v"}}


BOMB = "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a: 1\na: 2\n", 'found duplicate key "a"'),
        ('{"a": 1,\n\t"a": 2}', "has the key 'a' twice"),
        ("a: [\n", "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("- a\n", "holds no mapping"),
        ("", "holds no mapping"),
        ("1: a\n", "a key that is not text: put 1 in quotes"),
        ("a: {b: [.nan]}\n", "a.b[0] is not a finite number"),
        ("a: 12345678901234567890\n", "a is too large to travel exactly"),
        ("a: !!binary aGk=\n", "a is a bytes, which JSON lacks"),
        ("a: !!python/object/apply:os.system [x]\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "nested deeper than 64 levels"),
        (BOMB, "once its aliases are filled in"),
        ("[" * 100_000, "nests too deep"),
        ('{"a":' * 100_000, "nests too deep"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        (b"a: \xff\n", "is not UTF-8 (byte 3, in line 1, column 4)"),
        (b"a: \x1b[31m\n", "is not valid YAML"),
        ('a: 1\nb: "\u00e9\x07"\n', "the character U+0007 in line 2, column 6; remove it"),
        ("\u00e9: 1\nb: {\u00e9: ]\n", "in line 2, column 8"),
        ("a: \u2028\nb: ]\n", "in line 2, column 4"),
        (f"a: {'x' * payload.TEXT}\n", "1 MiB of text"),
        (b" " * (payload.LIMIT + 1), "more than 4 MiB"),
    ],
)
def test_what_is_no_payload_is_refused_in_words(
    tmp_path: Path, data: bytes | str, words: str
) -> None:
    with pytest.raises(Unusable) as caught:
        read(tmp_path, data)
    assert words in str(caught.value)
    assert str(tmp_path / "task.yaml") in str(caught.value)


def test_a_json_file_is_never_read_as_yaml(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"is not JSON: .* in line 1, column 2"):
        read(tmp_path, "{a: b}", "task.json")


def test_a_directory_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot be read: Is a directory"):
        payload.read(str(tmp_path))


def test_a_payload_of_the_largest_size_is_read_at_once(tmp_path: Path) -> None:
    text = json.dumps({"task": {"instructions": "x" * 1_000_000}})
    assert read(tmp_path, text)["task"] == {"instructions": "x" * 1_000_000}
