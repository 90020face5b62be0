"""Each field of the form says what it stands for, and what is wrong with it stands there."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.writing.form import begin, more, queue, submit
from tests.support.browser import CHROMIUM
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


QUEUED = {"priority": -7, "maxAttempts": 9, "labels": {"team": "payments", "note": "a = b"}}


def test_a_job_is_queued_as_the_form_says_also_after_a_reload(page: Page, scripted: Stack) -> None:
    """And when it is edited and run again."""
    begin(page, repository="owner/queued")
    queue(page)
    page.reload()
    expect(page.get_by_label("Labels")).to_have_value("team=payments\nnote=a = b")

    submit(page)
    first = scripted.job(page.url.rpartition("/")[2])
    page.goto(f"{scripted.dashboard}tasks/queue/new?from={first['jobId']}")
    expect(page.get_by_label("Priority")).to_have_value("-7")
    page.get_by_label("Objective").fill("Again.")
    submit(page)
    again = scripted.job(page.url.rpartition("/")[2])

    assert again["jobId"] != first["jobId"]
    for job in (first, again):
        assert {name: job[name] for name in QUEUED} == QUEUED


@pytest.mark.parametrize(
    ("label", "wrong", "said"),
    [
        ("Priority", "high", "priority has to be a whole number"),
        ("Priority", "1001", "choose -1000 to 1000"),
        ("Attempts at most", "101", "choose 1 to 100"),
        ("Labels", "Team=a", "['Team']: use 1 to 64 of a-z"),
        ("Labels", "team", "is no KEY=VALUE"),
        ("Labels", "a=1\na=2", "a is there twice"),
    ],
)
def test_what_is_wrong_with_how_it_is_queued_stands_at_its_field(
    page: Page, label: str, wrong: str, said: str
) -> None:
    """Until somebody mends it: the orchestrator says it when it is asked to store the job."""
    begin(page)
    more(page)
    field = page.locator(".field", has=page.get_by_label(label))
    page.get_by_label(label).fill(wrong)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(field.locator(".said")).to_contain_text(said)
    expect(page.locator("#faults")).to_contain_text(label)
    expect(page.get_by_label(label)).to_be_focused()

    page.get_by_label(label).fill("")

    expect(field.locator(".said")).to_be_hidden()
    expect(page.locator("#standing")).to_contain_text("Nothing is wrong")
    assert page.url.endswith("/tasks/queue/new")


def contain(page: Page) -> None:
    more(page)
    page.get_by_label("The work is done by").select_option("true")
    page.get_by_label("Image").fill("debian:12")
    page.get_by_label("Command").fill("make\n--jobs=2\nall of it")


CONTAINER = {
    "enabled": True,
    "image": "debian:12",
    "command": ["make", "--jobs=2", "all of it"],
    "workdir": "/work",
    "env": {"LANG": "C.UTF-8", "FLAGS": "-O2 -g=3"},
    "artifactsSubdir": "reports",
    "timeoutSeconds": 90,
    "pull": "always",
    "resources": {"cpus": 1.5, "memory": "4g"},
    "cacheVolumes": [{"name": "pip-cache", "target": "/root/.cache/pip"}],
}


def exported(page: Page) -> Any:
    with page.expect_download() as download:
        page.get_by_role("button", name="Export JSON").click()
    return json.loads(download.value.path().read_text())


def test_a_container_is_written_field_by_field(page: Page) -> None:
    """Its fields are there once one is wanted; the contract says what this version cannot do."""
    begin(page)
    more(page)
    expect(page.get_by_label("Image")).to_be_hidden()
    more(page)
    contain(page)
    page.get_by_label("Working directory").fill("/work")
    page.get_by_label("Environment").fill("LANG=C.UTF-8\nFLAGS=-O2 -g=3")
    page.get_by_label("Artifacts below").fill("reports")
    page.get_by_label("Time, seconds").fill("90")
    page.get_by_label("Pull", exact=True).select_option("always")
    page.get_by_label("Processors").fill("1.5")
    page.get_by_label("Memory").fill("4g")
    page.get_by_label("Cache volumes").fill("pip-cache=/root/.cache/pip")

    assert exported(page)["task"]["container"] == CONTAINER
    expect(page.locator("#faults li")).to_have_count(1)
    expect(page.locator("#faults")).to_contain_text("The work is done by CONTAINER_UNSUPPORTED")


def test_a_container_that_is_not_wanted_any_more_leaves_nothing(page: Page) -> None:
    """What is still written for one is in the task, and so on the form."""
    begin(page)
    contain(page)

    page.get_by_label("The work is done by").select_option("")
    expect(page.get_by_label("Image")).to_be_visible()
    page.get_by_label("Image").fill("")
    page.get_by_label("Command").fill("")
    page.get_by_label("Objective").focus()
    page.get_by_label("Objective").fill("Without.")

    expect(page.get_by_label("Image")).to_be_hidden()
    assert exported(page)["task"] == {"instructions": "Without."}


def test_a_container_beside_steps_is_refused_at_the_steps(page: Page) -> None:
    begin(page, "Look.")
    contain(page)

    expect(page.locator("#steps-said")).to_contain_text("either its steps or a container")
    expect(page.locator("#faults")).to_contain_text("Steps CONTAINER_WITH_STEPS")


@pytest.mark.parametrize(
    ("label", "wrong", "said"),
    [
        ("Image", "no image", "This is no reference of an image"),
        ("Working directory", "work", "This is no absolute path"),
        ("Environment", "LANG=C\nJOB_ID=1", "JOB_ID: "),
        ("Environment", "LANG", "“LANG” is no KEY=VALUE"),
        ("Artifacts below", "../up", "This is no path below the artifact directory"),
        ("Time, seconds", "0", "1 to 86"),
        ("Processors", "many", "number"),
        ("Memory", "much", "This is no amount of memory"),
        ("Cache volumes", "ok=/a\nOne=/b", "[1].name: This is no safe name"),
        ("Cache volumes", "/only", "“/only” is no NAME=/PATH"),
    ],
)
def test_what_is_wrong_with_a_container_stands_at_its_field(
    page: Page, label: str, wrong: str, said: str
) -> None:
    begin(page)
    contain(page)

    page.get_by_label(label).fill(wrong)

    field = page.locator(".field", has=page.get_by_label(label))
    expect(field.locator(".said")).to_contain_text(said)
    expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    "container",
    [
        CONTAINER,
        {"enabled": False, "image": None, "command": []},
        {"command": ["", "two\nlines", "["], "env": {"a=b": "c", "d": "two\nlines"}},
        {"command": ["[1]"], "env": {"{": "x"}, "cacheVolumes": [{"target": "/a", "name": "b"}]},
        {
            "command": "make",
            "env": ["LANG=C"],
            "cacheVolumes": {"a": "/b"},
            "resources": {"gpus": 1},
        },
    ],
    ids=["whole", "off", "awkward", "as JSON is", "of other types"],
)
def test_a_container_of_a_file_leaves_the_form_as_it_came(
    page: Page, container: dict[str, Any]
) -> None:
    """Also when another field of it is written: each field gives back exactly what it got."""
    task = {"repository": "o/r", "task": {"instructions": "x", "container": container}}
    page.locator("#file").set_input_files(
        {"name": "a.json", "mimeType": "application/json", "buffer": json.dumps(task).encode()}
    )
    expect(page.get_by_label("Image")).to_be_attached()
    expect(page.get_by_label("Objective")).to_have_value("x")

    page.get_by_label("Repository").fill("o/other")

    assert exported(page) == {**task, "repository": "o/other"}


def test_what_lines_cannot_hold_is_written_as_json(page: Page) -> None:
    begin(page)
    contain(page)
    page.get_by_label("Command").fill('["sh", "-c", "echo one\\necho two"]')
    page.get_by_label("Environment").fill('{"TEXT": "one\\ntwo"}')

    container = exported(page)["task"]["container"]

    assert container["command"] == ["sh", "-c", "echo one\necho two"]
    assert container["env"] == {"TEXT": "one\ntwo"}
