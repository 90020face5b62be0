"""Knows the tokens of forges by their looks."""

import re

TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|gl(?:agent|cbt|dt|ft|imt|pat|ptt|rt|soat)-|ATBB)"
    r"[A-Za-z0-9_-]{12}|(?:x-access-token|x-token-auth|oauth2)@"
)
"""How one begins: people put them where a name belongs, and names are shown."""
