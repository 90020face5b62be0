"""Tests of the directives' language."""

import pytest

from tests.support.script import Directive, ScriptError, parse, says_something


def test_lines_that_are_no_directives_are_prose() -> None:
    assert parse("Please do: run no\nundo: run no\n") == []


def test_only_directives_after_the_step_s_line_count() -> None:
    prompt = "do: touch objective\n## STEP 2/3 patch\n> do: touch mine\n"

    assert parse(prompt) == [Directive("touch", path="mine")]


def test_text_is_unescaped_but_a_command_is_left_to_the_shell() -> None:
    prompt = 'do: write "a b" x\\ny\\\\n\ndo: run printf "\\n"\n'

    assert parse(prompt) == [
        Directive("write", path="a b", text="x\ny\\n"),
        Directive("run", text='printf "\\n"'),
    ]


@pytest.mark.parametrize(
    "line", ["do: fly", "do: write", "do: sleep 601", "do: refuse now", "do: skill ../x"]
)
def test_a_directive_that_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(ScriptError, match=line.split()[1]):
        parse(line)


def test_prose_alone_is_no_script() -> None:
    assert not says_something("Step one of two.\n")
