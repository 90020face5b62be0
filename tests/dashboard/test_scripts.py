"""What scripts of the job's page make of text that others wrote, in a real browser."""

import random
from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from services.dashboard.job_files import LARGEST_PART
from services.dashboard.shown import visible
from tests.dashboard.hostile import PAYLOADS
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import Line, Silence, event, job, output

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
PIECE = 64 * 1024
PARSED = """async (lines) => {
  const { parse, plain } = await import("/static/ansi.js");
  return lines.map((line) => parse(line, plain()));
}"""


async def test_nothing_that_an_agent_says_acts_on_the_page_that_shows_it() -> None:
    """Five hundred texts that act in one page or another, in every place that shows text."""
    past = [event(1, "job.submitted"), event(2, "task.step.started", step_index=0, attempt=1)]
    for number, text in enumerate(PAYLOADS, start=3):
        told = event(number, "task.step.leftInGit", step_index=0, message=text)
        told.event.payload.update({"left": text, text: "left"})
        past.append(told)
    live: list[Line] = []
    for index, text in enumerate(PAYLOADS):
        kind = list(job_pb2.ActivityKind.keys())[1 + index % 5]
        done = job_pb2.Activity(attempt=1, index=index, kind=kind, text=text, path=text)
        live.append(pb.WatchJobResponse(activity=done))
    written = "\n".join(PAYLOADS).encode("utf-8", "surrogatepass")
    live.append(output(0, written + b"\nthe last line\n"))
    shown = job("RUNNING", last_sequence=len(past), repository=PAYLOADS[0])
    for step in shown.steps:
        step.title, step.summary = PAYLOADS[1], "\n".join(PAYLOADS[:40])
    async with looking(knowing(shown, past, [*live, Silence])) as (page, faults, _):
        await page.locator("#step-0-log-tab").click()
        await page.get_by_text("the last line").wait_for()
        await page.locator("#events li").nth(len(past) - 1).wait_for(state="attached")
        planted = await page.locator("main :is(script, img, iframe, object, embed, style)").count()

    assert planted == 0
    assert faults == []


async def test_terminal_output_keeps_its_colours_and_loses_everything_else() -> None:
    lines = [
        "\x1b[1;31mred\x1b[0m plain",
        "\x1b]8;;https://evil.example\x07click\x1b]8;;\x1b\\",
        "\x1b]0;title\x07a\x1b[2J\x1b[Hb\x9b31mc",
        "\x1b[8mhidden\x1b[30;40mblack on black",
        "\x1b[38;5;196mx\x1b[38;2;0;0;255my\x1b[48;5;1mz",
    ]
    async with looking(knowing(job(last_sequence=1), [event(1)], [Silence])) as (page, *_):
        runs = await page.evaluate(PARSED, lines)

    said = [[(run["text"], run["classes"]) for run in line] for line in runs]
    assert said == [
        [("red", "ansi-1 ansi-bold"), (" plain", "")],
        [("click", "")],
        [("a", ""), ("b", ""), ("c", "ansi-1")],
        [("hidden", ""), ("black on black", "ansi-0 ansi-marked")],
        [("x", "ansi-1"), ("y", "ansi-4"), ("z", "ansi-4 ansi-marked")],
    ]


async def test_whatever_is_written_to_a_terminal_no_control_is_left() -> None:
    """Noise of escapes, controls, marks and letters; what is left can all be seen."""
    drawn = random.Random(7)
    letters = [*"\x1b[]m;0138PX^_\\\x07\x9b\x9d\x9c\x90\x00\r\t\u202e\u2066\u200b\u00adaz<&ü漢"]
    lines = ["".join(drawn.choices(letters, k=drawn.randint(0, 60))) for _ in range(2_000)]
    async with looking(knowing(job(last_sequence=1), [event(1)], [Silence])) as (page, *_):
        runs = await page.evaluate(PARSED, lines)

    texts = [run["text"] for line in runs for run in line]
    assert [text for text in texts if text != visible(text)] == []
    classes = {name for line in runs for run in line for name in run["classes"].split()}
    assert all(name.startswith("ansi-") for name in classes)


async def test_the_page_and_the_server_show_the_same_of_every_character() -> None:
    characters = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000]
    script = """async (texts) => {
      const { visible } = await import("/static/text.js");
      return texts.map(visible);
    }"""
    async with looking(knowing(job(last_sequence=1), [event(1)], [Silence])) as (page, *_):
        shown = await page.evaluate(script, characters)

    # Unicode grows: what one of the two does not know yet is named by it, never passed on.
    differing = [
        character
        for character, one in zip(characters, shown, strict=True)
        if one != visible(character)
        and character in {one, visible(character)}
        and not ({one, visible(character)} - {character}).pop().startswith("\u27e6")
    ]
    assert differing == []


async def test_a_page_that_stays_open_keeps_the_newest_events_alone() -> None:
    """What a job tells in months of being tried again would make the page slower and slower."""
    past: list[Line] = [event(number) for number in range(1, 2_101)]
    async with looking(knowing(job(last_sequence=2_100), past, [Silence])) as (page, *_):
        events = page.locator("#events")
        await events.scroll_into_view_if_needed()
        await events.locator('li[value="2100"]').wait_for(state="attached")
        numbers = await events.evaluate("list => [...list.children].map((one) => one.value)")

        assert numbers[1:] == list(range(102, 2_101))
        assert "before 102 are not kept here" in await events.locator("li").first.inner_text()
        await expect(events.locator("li").last).to_be_in_viewport()


async def test_the_day_of_an_event_stands_where_it_begins() -> None:
    """Of a job that was tried again after weeks, only hours and minutes were told."""
    times = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (1, 1, 17)]
    past: list[Line] = [event(number, create_time=at) for number, at in enumerate(times, 1)]
    async with looking(knowing(job(last_sequence=3), past, [Silence])) as (page, *_):
        await page.locator("#events li").nth(2).wait_for(state="attached")
        told = await page.locator("#events time").all_inner_texts()

    assert ["2026" in one for one in told] == [True, False, True]


async def test_a_number_that_json_has_not_goes_out_as_it_was_written() -> None:
    """It went out as null, which is the default, and nobody was told."""
    script = """async (texts) => {
      const { KINDS } = await import("/static/kinds.js");
      return texts.map((text) => KINDS.number.read(text));
    }"""
    texts = ["12", " 1.5 ", "-.5", "1e3", "9" * 400]
    async with looking(knowing(job(last_sequence=1), [event(1)], [Silence])) as (page, *_):
        read = await page.evaluate(script, texts)

    assert read == [12, 1.5, -0.5, "1e3", "9" * 400]


async def test_a_long_log_is_read_from_its_end_and_as_far_back_as_somebody_asks() -> None:
    lines = [b"line %010d\n" % number for number in range(37_500)]
    log, size = b"".join(lines), 16 * 37_500
    orchestrator = knowing(job("SUCCEEDED", last_sequence=1), [event(1, "job.succeeded")], [])
    path = "logs/steps/step-0000.log"
    orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(
        artifacts=[job_pb2.Artifact(path=path, size_bytes=size, sha256="ab" * 32)]
    )
    for begin in (size - LARGEST_PART, size - 2 * LARGEST_PART, 0):
        offsets = range(begin, size, PIECE)
        orchestrator.reads.append(
            [pb.ReadArtifactResponse(offset=at, data=log[at : at + PIECE]) for at in offsets]
        )
    async with looking(orchestrator) as (page, faults, _):
        await page.locator("#step-0 > summary").click()
        earlier = page.get_by_role("button", name="Load earlier")
        await earlier.click()
        # The line that a part begins in is left to the part before it.
        await page.get_by_text(f"{size - 2 * LARGEST_PART + 16} bytes before this").wait_for()
        await earlier.click()
        await page.locator("#step-0 .log .line").first.wait_for(state="attached")
        await earlier.wait_for(state="hidden")
        await page.locator("#step-0 .log .line").nth(len(lines) - 1).wait_for(state="attached")
        shown = await page.locator("#step-0 .log").evaluate(
            "box => [...box.children].map(one => one.textContent)"
        )

    assert shown == [line.decode().rstrip() for line in lines]
    assert faults == []
