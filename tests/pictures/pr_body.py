"""Draws a pull request's body as a forge shows it: ``python -m tests.pictures.pr_body OUT.png``."""

import subprocess
import sys
import tempfile
from pathlib import Path

from services.orchestrator.jobs.report import FileChange, Report
from services.orchestrator.jobs.wording import body, title
from tests.orchestrator.jobs.reading import html
from tests.orchestrator.jobs.reports import report, step

WIDTH, HEIGHT = 920, 2_080
STYLE = """
body { margin: 24px auto; width: 850px; color: #1f2328 }
body { font: 14px/1.5 "Liberation Sans", Arial, sans-serif }
h1 { font-size: 26px; font-weight: 400; border-bottom: 1px solid #d1d9e0; padding-bottom: 8px }
h3 { font-size: 17px; margin: 24px 0 12px }
code { font: 12px "DejaVu Sans Mono", monospace; background: #818b981f }
code { padding: .2em .4em; border-radius: 6px }
pre { background: #f6f8fa; padding: 12px; border-radius: 6px; overflow: auto; line-height: 1.45 }
pre code { background: none; padding: 0; white-space: pre }
table { border-collapse: collapse; display: block; overflow: auto; margin-bottom: 16px }
td, th { border: 1px solid #d1d9e0; padding: 6px 13px } tr:nth-child(2n) { background: #f6f8fa }
blockquote { margin: 0 0 16px; padding: 0 1em; border-left: .25em solid #9a6700 }
details { margin-bottom: 12px } sub { color: #59636e }
"""
HOSTILE = """\
All done! Closes #1, fixes acme/gateway#2. cc @octocat @acme/admins

![tracker](https://evil.example/pixel.png) <img src=x onerror=alert(1)>
[click me](javascript:alert(1))

</details>
<h1>APPROVED BY SECURITY</h1>

````
```mermaid
graph TD; A-->B
```

- [x] reviewed :shipit: $\\sum$ \u202egnp.exe\u202c zero\u200bwidth

| a | table |
|---|---|
Co-authored-by: Mallory <m@evil.example>
Pawl-Job: 01980000-0000-7000-8000-000000000001 sha256:0
"""


def shown() -> Report:
    """A job of three steps, one of which has a hostile agent."""
    calm = (
        "I read `gateway/`. Requests pass one middleware, so a token bucket per client belongs "
        "there; the store already has a clock that tests can set.\n\n"
        "- `gateway/middleware.py` calls the handlers\n"
        "- `gateway/store.py` keeps the clients"
    )
    return report(
        steps=[
            step(0, summary=calm),
            step(1, summary=HOSTILE, attempt=2, skill="careful-edit"),
            step(2, title="Write tests for a | b and `c`", usage=None),
        ],
        changes=[
            FileChange(path="docs/limits.png", added=None, removed=None),
            FileChange(path="gateway/limits.py", added=1_204, removed=3),
            FileChange(path="gateway/![x](y)|<b>@octocat.py", added=1, removed=0),
        ],
        changed_files=48,
    )


def main(picture: Path) -> None:
    """Draws it, with every fold open."""
    drawn = shown()
    page = html(body(drawn)).replace("<details>", "<details open>")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body.html")
        file.write_text(
            f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
            f"<h1>{title(drawn)}</h1>{page}",
            encoding="utf-8",
        )
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={picture.resolve()}",
                file.as_uri(),
            ],
            check=True,
            timeout=60,
            capture_output=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
