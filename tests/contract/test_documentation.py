"""That docs/payload.md lists exactly the codes there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r'"([A-Z]+(?:_[A-Z]+)*)",?$|"([A-Z]+(?:_[A-Z]+)*)", ', re.MULTILINE)
NO_CODES = {"TASK_INVALID"}


def test_every_code_is_documented_and_no_other() -> None:
    sources = (ROOT / "services" / "contract").glob("*.py")
    used = {a or b for path in sources for a, b in CODE.findall(path.read_text())} - NO_CODES
    rows = re.findall(
        r"^\| (`[A-Z].*?) \|", (ROOT / "docs" / "payload.md").read_text(), re.MULTILINE
    )

    assert {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)} == used
