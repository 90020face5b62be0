"""What stays of a page in a real browser while it is brought up to date."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from playwright.async_api import expect

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from services.dashboard import watched
from tests.dashboard.looking import knowing, looking
from tests.support.browser import CHROMIUM
from tests.support.scripted_orchestrator import Silence, event, job

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

LIKEN = """async ([before, after]) => {
  const { liken, parsed } = await import("/static/likeness.js");
  const home = document.getElementById("facts");
  home.innerHTML = before;
  for (const one of home.querySelectorAll("*")) one.mark = one.outerHTML;
  const wanted = parsed(after);
  const told = wanted.innerHTML;
  liken(home, wanted);
  const same = [...home.querySelectorAll("*")].filter((one) => one.mark);
  return [home.innerHTML === told, same.length];
}"""


def listed(*objectives: str, state: str = "QUEUED") -> pb.ListJobsResponse:
    """Jobs that were submitted one minute ago, each id as its objective."""
    since = Timestamp()
    since.GetCurrentTime()
    since.seconds -= 60
    answer = pb.ListJobsResponse()
    for one in objectives:
        answer.jobs.append(job(state, objective=one, create_time=since))
        answer.jobs[-1].job_id = f"job-{one}"
    return answer


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("<p>a</p>", "<p>b</p>", 1),
        ("\n<p>a</p>\n<b>c</b>", "<p>a</p><b>c</b>", 2),
        ("<i id=a>1</i><i id=b>2</i><i id=c>3</i>", "<i id=b>2</i><i id=c>4</i>", 2),
        ("<i id=a>1</i><i id=b>2</i>", "<i id=n>0</i><i id=a>1</i> <i id=b>2</i>", 2),
        ("<i id=a>1</i><i id=b>2</i>", "<i id=b>2</i><i id=a>1</i>", 2),
        ("<p class=x title=y>a</p>", "<p class=z>a<b>c</b></p>", 1),
        ("<p>trouble</p><table></table>", "<table></table>", 1),
        ("<table></table>", "text<p>trouble</p>", 0),
        ("<i>a</i><i id=b>2</i><u>c</u>", "<u>c</u><i id=b>2</i>", 1),
        ("a<b>c</b>d", "", 0),
    ],
)
async def test_a_part_becomes_the_fresher_one_out_of_what_was_there(
    before: str, after: str, same: int
) -> None:
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    async with looking(orchestrator) as (page, *_):
        assert await page.evaluate(LIKEN, [before, after]) == [True, same]


async def test_a_list_that_grows_older_keeps_what_is_selected_and_pressed() -> None:
    """Every age that changed took the whole table away, and the row under a pointer with it."""
    orchestrator = knowing(job(), [], [])
    orchestrator.answers["ListJobs"] = listed("paint", "sweep")
    async with looking(orchestrator, "/tasks/queue", clock=True) as (page, *_):
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody th'))")
        await page.get_by_role("link", name="sweep").focus()
        await page.get_by_role("link", name="sweep").hover()
        selected = await page.evaluate("String(getSelection())")
        await page.mouse.down()
        orchestrator.answers["ListJobs"] = listed("paint", "sweep", state="RUNNING")
        await page.clock.fast_forward("00:04")
        await expect(page.locator("tbody")).to_contain_text("RUNNING")

        assert selected.startswith("paint")
        assert await page.evaluate("String(getSelection())") == selected
        await expect(page.get_by_role("link", name="sweep")).to_be_focused()
        await page.mouse.up()
        await page.wait_for_url("**/tasks/queue/job-sweep")


async def test_who_skips_to_the_content_of_a_list_stays_there() -> None:
    """The page was loaded anew, as after a step back, and nothing had the focus."""
    orchestrator = knowing(job(), [], [])
    orchestrator.answers["ListJobs"] = listed("paint")
    async with looking(orchestrator, "/tasks/queue") as (page, *_):
        await page.evaluate("globalThis.mark = 'the same page'")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        async with page.expect_response("**/tasks/queue*"):
            pass

        await expect(page.locator("main")).to_be_focused()
        assert await page.evaluate("globalThis.mark") == "the same page"


async def test_the_link_of_an_artifact_keeps_the_focus_as_others_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It went to whichever file had come into its place."""
    monkeypatch.setattr(watched, "RENEWED_SECONDS", 0.2)
    orchestrator = knowing(job(last_sequence=1), [event(1)], [Silence])
    patch = job_pb2.Artifact(path="patches/changes.patch", size_bytes=9, sha256="ab" * 32)
    log = job_pb2.Artifact(path="logs/prepare.log", size_bytes=9, sha256="cd" * 32)
    orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(artifacts=[patch])
    async with looking(orchestrator) as (page, *_):
        await page.get_by_role("link", name="patches/changes.patch").focus()
        orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(artifacts=[log, patch])
        await expect(page.get_by_role("link", name="logs/prepare.log")).to_be_visible()

        await expect(page.get_by_role("link", name="patches/changes.patch")).to_be_focused()
