"""Whether a CLI is found to be usable, on small programs that stand for one."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from services.runner.runtimes.card import Cards
from tests.runner.runtimes.support import program_in, runtime
from tests.support.processes import alive


async def test_a_cli_that_tells_its_version_is_available(tmp_path: Path) -> None:
    made = runtime("codex", program_in(tmp_path, "echo codex-cli 0.169.0"))

    card = await Cards().probe(made)

    assert (card.available, card.version, card.reason) == (True, "0.169.0", "")


async def test_a_missing_cli_is_not_available_and_the_card_says_what_to_do(tmp_path: Path) -> None:
    card = await Cards().probe(runtime("gemini", tmp_path / "nowhere"))

    assert not card.available
    assert "PAWL_GEMINI_BINARY" in card.reason


async def test_a_cli_that_fails_is_not_available_and_is_quoted(tmp_path: Path) -> None:
    made = runtime("claude", program_in(tmp_path, "echo broken install >&2; exit 3"))

    card = await Cards().probe(made)

    assert not card.available
    assert "broken install" in card.reason
    assert "exit code 3" in card.reason


async def test_a_cli_without_its_interpreter_is_not_available(tmp_path: Path) -> None:
    script = program_in(tmp_path)
    script.write_text("#!/no/such/interpreter\n")

    card = await Cards().probe(runtime("claude", script))

    assert not card.available
    assert "cannot be executed" in card.reason


async def test_a_cli_that_never_answers_is_given_up_with_all_it_started(tmp_path: Path) -> None:
    made = runtime("codex", program_in(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait"))

    card = await Cards(patience=timedelta(seconds=2)).probe(made)

    assert not card.available
    assert "within 2 seconds" in card.reason
    pid = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(5):  # a kill takes a moment to be carried out
        while alive(pid):  # noqa: ASYNC110 - nothing tells of a grandchild's end
            await asyncio.sleep(0.01)


async def test_a_probe_is_remembered_until_the_binary_changes(tmp_path: Path) -> None:
    said = "echo x >> " + str(tmp_path / "probes") + "; echo 1.0.0"
    made = runtime("codex", program_in(tmp_path, said))
    cards = Cards()

    await cards.probe(made)
    await cards.probe(made)
    program_in(tmp_path, said + " # another")
    await cards.probe(made)

    assert (tmp_path / "probes").read_text() == "x\nx\n"


async def test_a_probe_s_environment_holds_none_of_the_operator_s_secrets(tmp_path: Path) -> None:
    made = runtime(
        "codex",
        program_in(tmp_path, 'echo "1.0.0-${OPENAI_API_KEY:-none}"'),
        environment={"OPENAI_API_KEY": "sk-made-up-1234", "PATH": os.defpath},
    )

    card = await Cards().probe(made)

    assert card.version == "1.0.0-none"


async def test_a_cli_that_failed_is_asked_again_after_a_while(tmp_path: Path) -> None:
    """A binary that hung was probed at every question, which cost each of them its patience."""
    said = f"echo x >> {tmp_path}/probes; test -e {tmp_path}/mended && echo 1.0.0"
    made = runtime("codex", program_in(tmp_path, said))
    time = 0.0
    cards = Cards(second_look=timedelta(seconds=10), clock=lambda: time)

    await cards.probe(made)
    (tmp_path / "mended").touch()
    time = 9
    too_early = await cards.probe(made)
    time = 11
    later = await cards.probe(made)

    assert (too_early.available, later.available) == (False, True)
    assert (tmp_path / "probes").read_text() == "x\nx\n"


async def test_one_that_keeps_failing_is_asked_more_and_more_seldom(tmp_path: Path) -> None:
    """One slow start of a CLI under load kept its jobs waiting for a minute."""
    made = runtime("codex", program_in(tmp_path, f"echo x >> {tmp_path}/probes"))
    time = 0
    cards = Cards(second_look=timedelta(seconds=2), clock=lambda: time)
    asked: list[int] = []

    for time in range(200):
        count = len(asked)
        await cards.probe(made)
        probes = len((tmp_path / "probes").read_text().split())
        asked += [time] * (probes - count)

    assert asked == [0, 2, 6, 14, 30, 62, 122, 182]
