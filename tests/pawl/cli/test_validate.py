"""What `pawl validate` and `pawl schema` print, and the exit codes they end with."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pawl.cli.__main__ import run
from pawl.cli.text import lines
from pawl.v1 import contract_pb2 as pb
from pawl.v1 import task_pb2
from tests.pawl.cli.conftest import Said
from tests.pawl.cli.scripted_contract import DIGEST, PROMPT, ScriptedContract, serving, some_plan

Ask = Callable[..., Awaitable[Said]]

YAML = """\
repository: o/r
task:
  instructions: Tidy up.
  steps:
    - id: a
    - id: b
      runtime: codex
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "task.yaml"
    path.write_text(YAML)
    return str(path)


@pytest.fixture
def contract() -> ScriptedContract:
    return ScriptedContract()


@pytest.fixture
def pawl(
    contract: ScriptedContract,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Ask:
    async def ask(*arguments: str) -> Said:
        async with serving(contract) as address:
            monkeypatch.setenv("PAWL_CONTRACT_TARGET", address)
            code = await run(arguments)
        return Said(code, *capfd.readouterr())

    return ask


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, pawl: Ask) -> Ask:
    """The same on a terminal of 60 columns."""

    async def ask(*arguments: str) -> Said:
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        return await pawl(*arguments)

    return ask


def violations(*found: tuple[str, str, str]) -> pb.ValidateTaskResponse:
    told = (task_pb2.FieldViolation(field=f, reason=r, description=d) for f, r, d in found)
    return pb.ValidateTaskResponse(violations=told)


async def test_a_plan_is_told_with_all_that_decides_what_runs(pawl: Ask, file: str) -> None:
    said = await pawl("validate", file)
    assert said.code == 0
    facts = dict(line.split("  ", 1) for line in said.out.split("\n\n")[0].splitlines())
    assert {name: fact.strip() for name, fact in facts.items()} == {
        "digest": DIGEST,
        "repository": "owner/repo",
        "runtime": "codex, model large",
        "starts from": "main",
        "works on": "feature/x",
        "publishes": "a pull request",
        "into": "main",
        "titled": "A title",
        "limits": "stepTimeoutSeconds 60",
        "stages": "prepare, execute, publish",
    }


async def test_steps_and_capabilities_are_rows(pawl: Ask, file: str) -> None:
    said = await pawl("validate", file)
    size = len(PROMPT.encode())
    assert f"0\tlook\tAround\tspeckit\tstep\tyes\t{size} B\n" in said.out
    assert f"1\tstep-2\t\tauto\tdefault\tno\t{size} B\n" in said.out
    assert "gh\ttask.publish.mode is pr (default)\n" in said.out
    assert "task.steps[5] needs it; and 2 more, see --json\n" in said.out


async def test_defaults_are_told_in_one_row_a_part(pawl: Ask, file: str) -> None:
    said = await pawl("validate", file)
    rows = said.out.partition("\ndefaults\nfield\tvalue\n")[2].splitlines()
    assert rows == ["task.limits\tsilenceSeconds 900", "task.publish\tmode pr"]


async def test_a_plan_suggests_how_to_run_exactly_it(pawl: Ask, file: str) -> None:
    said = await pawl("validate", file)
    assert "--prompts shows every step's exact prompt" in said.err
    assert f"pawl submit {file} --expected-digest {DIGEST}\n" in said.err


@pytest.mark.parametrize(
    ("mode", "told"),
    [("none", ["publishes    nothing"]), ("branch", ["publishes    the branch"])],
)
async def test_only_a_pull_request_goes_into_a_branch(
    pawl: Ask, contract: ScriptedContract, file: str, mode: str, told: list[str]
) -> None:
    contract.answer = pb.ValidateTaskResponse(plan=some_plan(mode=mode))
    said = await pawl("validate", file)
    names = ("publishes", "into", "titled")
    assert [line for line in said.out.splitlines() if line.startswith(names)] == told


async def test_a_terminal_gets_tables_with_every_title_whole(
    terminal: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer.plan.steps[0].title = "größere Überschrift 目標 " * 8
    said = await terminal("validate", file)
    out = lines(said.out)
    assert out.count("Überschrift") == 8
    table = out.partition("\nsteps\n")[2].partition("\ncapabilities\n")[0]
    assert max(map(len, table.splitlines())) <= 60


async def test_prompts_go_between_lines_that_tell_of_them(pawl: Ask, file: str) -> None:
    said = await pawl("validate", file, "--prompts")
    size = len(PROMPT.encode())
    assert said.code == 0
    assert said.out == (
        f"===== step 0: look, {size} bytes =====\n{PROMPT}===== end of step 0 =====\n\n"
        f"===== step 1: step-2, {size} bytes =====\n{PROMPT}===== end of step 1 =====\n\n"
    )


ODD = "Pawl asks.\r\n| \x1b[31m\u202eodd\u200b\r"


async def test_one_prompt_is_its_bytes_and_nothing_else(
    pawl: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer = pb.ValidateTaskResponse(plan=some_plan(ODD))
    assert await pawl("validate", file, "--step", "1") == Said(0, ODD, "")


async def test_a_terminal_gets_no_character_it_would_obey(
    terminal: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer = pb.ValidateTaskResponse(plan=some_plan(ODD))
    said = await terminal("validate", file, "--step", "0")
    assert said.out.split() == ["Pawl", "asks.", "|", "odd\u200b"]
    assert "step 0: characters that a terminal would obey are left out here" in said.err


@pytest.mark.parametrize("step", ["2", "-1"])
async def test_a_step_that_is_not_there_is_refused(pawl: Ask, file: str, step: str) -> None:
    said = await pawl("validate", file, "--step", step)
    assert (said.code, said.out) == (2, "")
    assert "steps are 0 to 1" in said.err


@pytest.mark.parametrize(
    "arguments", [("--prompts", "--json"), ("--step", "0", "--json"), ("--step", "0", "--prompts")]
)
async def test_options_that_exclude_each_other_are_refused(
    pawl: Ask, contract: ScriptedContract, file: str, arguments: tuple[str, ...]
) -> None:
    said = await pawl("validate", file, *arguments)
    assert (said.code, said.out) == (2, "")
    assert not contract.asked


async def test_as_json_everything_is_one_document(
    pawl: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer.warnings.add(reason="ALIAS", field="repo")
    said = await pawl("validate", file, "--json")
    document = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert document["plan"]["steps"][1]["prompt"] == PROMPT
    assert document["warnings"][0]["field"] == "repo"


async def test_a_violation_names_the_line_of_the_file(
    pawl: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer = violations(
        ("task.steps[1].runtime", "STEP_OVERRIDE_FORBIDDEN", "Wrong. Do this."),
        ("", "SIZE", "Too large. Shorten it."),
    )
    said = await pawl("validate", file)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"{file}:7: task.steps[1].runtime  STEP_OVERRIDE_FORBIDDEN  Wrong. Do this.",
        "(payload)  SIZE  Too large. Shorten it.",
        f"pawl: 2 violations in {file}; mend what is wrong and validate again",
    ]


async def test_a_terminal_gets_violations_by_path(
    terminal: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer = violations(
        ("task.steps[0]", "STEP_BLANK", "The step says nothing. Give it instructions or a skill."),
        ("task.steps[0]", "OTHER", "Wrong. \x1b[31mDo this."),
    )
    said = await terminal("validate", file)
    assert said.err == (
        f"\ntask.steps[0]  ({file}:5)\n"
        "  STEP_BLANK  The step says nothing. Give it instructions or\n"
        "    a skill.\n"
        "  OTHER  Wrong. Do this.\n\n"
        f"pawl: 2 violations in {file}; mend what is wrong and validate again\n"
    )


async def test_a_thousand_violations_are_all_told(
    pawl: Ask, contract: ScriptedContract, file: str
) -> None:
    found = [(f"task.steps[{n}].x", "STEP_FIELD_UNKNOWN", "Wrong. Remove it.") for n in range(1000)]
    contract.answer = violations(*found, ("", "TOO_MANY_VIOLATIONS", "There are more. Mend these."))
    said = await pawl("validate", file)
    assert said.code == 2
    assert all(f"{field}  STEP_FIELD_UNKNOWN" in said.err for field, _, _ in found)
    assert "pawl: more than 1000 violations" in said.err


async def test_a_warning_names_the_line_and_stops_nothing(
    pawl: Ask, contract: ScriptedContract, file: str
) -> None:
    contract.answer.warnings.add(reason="UNKNOWN_FIELD", field="task.steps", description="Odd.")
    said = await pawl("validate", file)
    assert said.code == 0
    assert f"pawl: warning: {file}:4: task.steps: Odd. (UNKNOWN_FIELD)\n" in said.err
    assert "pawl: 1 warning above the plan\n" in said.err


async def test_the_schema_is_json_on_any_terminal(pawl: Ask) -> None:
    said = await pawl("schema")
    assert said.out == '{\n  "title": "Gr\\u00f6\\u00dfe"\n}\n'


async def test_the_schema_as_json_is_one_line(pawl: Ask) -> None:
    said = await pawl("schema", "--json")
    assert said.out == '{"title": "Gr\\u00f6\\u00dfe"}\n'


@pytest.mark.parametrize("text", ["", "{"])
async def test_a_schema_that_is_none_is_told(
    pawl: Ask, contract: ScriptedContract, text: str
) -> None:
    contract.schema_json = text
    said = await pawl("schema")
    assert (said.code, said.out) == (2, "")
    assert "is no JSON" in said.err
