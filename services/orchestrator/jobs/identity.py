"""Who the commits say has made them."""

import re
from dataclasses import dataclass

LONGEST_NAME = 100
LONGEST_ADDRESS = 254
ADDRESS = re.compile(r"[A-Za-z0-9._+\[\]=~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
"""The brackets are of GitHub's own apps: ``12345+pawl[bot]@users.noreply.github.com``."""
CRUD = "".join(map(chr, range(33))) + ".,:;<>\"\\'"
"""What git leaves out at both ends of a name; it takes no commit whose name is nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Author and committer of a commit. Raises ValueError for what git would not take as it is."""

    name: str = "Pawl"
    email: str = "pawl@users.noreply.invalid"

    def __post_init__(self) -> None:
        if not self.name.strip(CRUD) or not self.name.isprintable() or set(self.name) & set("<>"):
            raise ValueError("a name needs letters, and has no < or > and nothing that is unseen")
        if len(self.name) > LONGEST_NAME:
            raise ValueError(f"a name has at most {LONGEST_NAME} characters")
        if len(self.email) > LONGEST_ADDRESS or not ADDRESS.fullmatch(self.email):
            raise ValueError(
                f"an address has the form name@host and at most {LONGEST_ADDRESS} characters"
            )


PAWL = Identity()
