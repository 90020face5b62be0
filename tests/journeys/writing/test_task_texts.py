"""A task comes as a file and leaves as a file or a command, and is the same one."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from pawl.cli import payload
from tests.journeys.writing.form import begin, queue, step
from tests.support.browser import CHROMIUM
from tests.support.stack import Stack

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]


def test_model_and_effort_go_with_the_runtime_until_somebody_chooses_them(page: Page) -> None:
    page.locator("#file").set_input_files(
        {"name": "a.yaml", "mimeType": "text/yaml", "buffer": FOLLOWING.encode()}
    )
    model, effort = page.get_by_label("Model"), page.get_by_label("Effort")
    expect(model).to_have_value("gpt-5-codex")

    page.get_by_label("Runtime").select_option("claude")
    expect(model).to_have_value("")
    effort.fill("max")
    page.get_by_label("Runtime").select_option("codex")

    expect(model).to_have_value("gpt-5-codex")
    expect(effort).to_have_value("max")


FOLLOWING = """\
repository: owner/repo
targetRuntime: codex
task: {instructions: Tidy up., runtime: {model: gpt-5-codex, effort: high}}
"""
FILES = (*sorted((ROOT / "examples").glob("*.yaml")), Path(__file__).with_name("whole.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_file_leaves_the_form_as_it_came(
    page: Page, scripted: Stack, file: Path, tmp_path: Path
) -> None:
    """The form shows the digest that `pawl validate` does, and exports the same payload."""
    told = scripted.pawl("validate", "--json", str(file))
    page.locator("#file").set_input_files(file)
    expect(page.locator("[data-digest]")).to_have_text(json.loads(told.stdout)["plan"]["digest"])

    for form in ("YAML", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Export {form}").click()
        exported = tmp_path / f"task.{form.lower()}"
        download.value.save_as(exported)
        assert payload.read(str(exported)).value == payload.read(str(file)).value


def copied(page: Page, name: str) -> str:
    """The command of this name, once it has come; the one before it may still be there."""
    while not (text := str(page.evaluate("navigator.clipboard.readText()"))).startswith(name):
        page.wait_for_timeout(20)
    return text


def test_the_copied_commands_and_the_page_make_one_job(page: Page, scripted: Stack) -> None:
    """All three carry the request id of the page."""
    begin(page, "do: write a.txt 'a'\\n")
    queue(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    made = set()
    for name in ("pawl submit", "grpcurl"):
        page.get_by_role("button", name=f"Copy as {name}").click()
        done = subprocess.run(
            ["bash", "-c", copied(page, name)],
            env=scripted.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        told = done.stdout.strip()
        made.add(told if name == "pawl submit" else json.loads(told)["job"]["job_id"])

    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/tasks/queue/*-*-*")

    assert made == {page.url.rpartition("/")[2]}


MARKUP = "<img src=x onerror=alert(1)>"
HOSTILE = {
    "repository": "owner/repo",
    f"{MARKUP}\u202e": {"kept": True},
    "task": {
        "instructions": "<script>alert(1)</script>",
        "steps": [{"title": "<b onclick=alert(1)>bold</b>", "instructions": "</textarea><b>"}],
    },
}


def test_what_a_file_says_is_text_on_the_page(page: Page) -> None:
    """Names of fields that nobody knows stand in the page too."""
    met: list[str] = []

    def refuse(dialog: Dialog) -> None:
        met.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    hostile = json.dumps(HOSTILE).encode()

    page.locator("#file").set_input_files(
        {"name": "<b>.json", "mimeType": "application/json", "buffer": hostile}
    )

    expect(page.locator("[data-kept]")).to_have_text(
        "<img src=x onerror=alert(1)>\u27e6U+202E\u27e7"
    )
    expect(page.locator("#told")).to_contain_text("<b>.json imported.")
    expect(step(page, 0).get_by_label("Instructions")).to_have_value("</textarea><b>")
    expect(page.locator("#task img, #task b, #plan script")).to_have_count(0)
    assert met == []


def test_a_file_that_cannot_be_read_leaves_the_form_alone(page: Page) -> None:
    begin(page, "Look.")

    page.locator("#file").set_input_files(
        {"name": "a.yaml", "mimeType": "text/yaml", "buffer": b"task: [\n"}
    )

    expect(page.locator("#told")).to_contain_text("a.yaml is not valid YAML")
    expect(page.get_by_label("Objective")).to_have_value("Do as the script says.")


def test_a_command_is_shown_where_the_clipboard_is_not_to_be_had(page: Page) -> None:
    """As for a page that came over plain http from another machine."""
    page.evaluate("delete Navigator.prototype.clipboard")
    begin(page)

    page.get_by_role("button", name="Copy as pawl submit").click()

    shown = page.get_by_role("dialog", name="Copy as pawl submit").get_by_role("textbox")
    expect(shown).to_have_value(re.compile(r"pawl submit - --target .* <<'TASK'"))
