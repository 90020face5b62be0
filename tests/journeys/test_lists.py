"""The list of jobs in the browser: narrowed by its form, kept up to date."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import CHROMIUM, browsing
from tests.support.stack import Stack, bare_repository, task

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
SECONDS = 30_000


def test_jobs_are_found_by_what_they_are_about(scripted: Stack, tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    objective = "Sweep the <b>Chimney</b>.\nAll of it."
    job_id = scripted.submit(task(remote, "do: say x", publish="none", instructions=objective))
    others = scripted.submit(task(remote, "do: say y", publish="branch"))

    with browsing(scripted) as page:
        page.goto(f"{scripted.dashboard}tasks/queue")
        rows = page.locator("tbody tr")
        expect(page.locator(f'[data-key="{others}"]')).to_be_visible()

        state = page.get_by_label("State")
        state.focus()
        state.press("ArrowDown")
        assert page.url.endswith("/tasks/queue"), "a choice alone submits nothing"
        state.select_option("")
        page.get_by_label("Text").fill("CHIMNEY sweep")
        page.get_by_label("Publish").select_option("none")
        page.get_by_role("button", name="Filter").click()

        expect(rows).to_have_count(1)
        link = rows.get_by_role("link", name="Sweep the <b>Chimney</b>.")
        expect(link).to_be_visible()
        scripted.wait(job_id)
        # Without a reload: the rows are asked for anew, with the same filters.
        expect(rows).to_contain_text("SUCCEEDED", timeout=SECONDS)
        expect(rows).to_have_count(1)
        assert page.get_by_label("Text").input_value() == "CHIMNEY sweep"
        link.click()
        page.wait_for_url(f"**/tasks/queue/{job_id}")
