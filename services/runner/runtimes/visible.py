"""Makes an agent's text safe to store, send and show."""

import posixpath

ACTIVITY_BYTES = 8 * 1024
"""The most text one activity carries."""

FINAL_MESSAGE_BYTES = 16 * 1024
"""The most text of a run's last words that is kept."""

PATH_BYTES = 4 * 1024

_MARK = " … [cut]"

# C0 has pictures of its own in Unicode; C1, bidirectional controls and line separators have none
# and are written as escapes, so that no terminal and no page obeys them.
_TABLE: dict[int, str] = (
    {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    | {0x7F: "\u2421"}
    | {
        code: f"\\u{code:04x}"
        for code in (
            *range(0x80, 0xA0),
            0x061C,
            0x200E,
            0x200F,
            *range(0x2028, 0x202F),
            *range(0x2066, 0x206A),
            0xFEFF,
        )
    }
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
)


def visible(text: str, limit: int = ACTIVITY_BYTES) -> str:
    """`text` with its control characters made visible, in at most `limit` bytes of UTF-8.

    Newlines and tabs stay (CRLF becomes a newline); a lone surrogate becomes U+FFFD. A text that
    is too long is cut at a character and says so.
    """
    # No character takes less than a byte, so more than this cannot be needed; a line of a CLI
    # may carry megabytes.
    head = text[: limit + 1].replace("\r\n", "\n").translate(_TABLE)
    encoded = head.encode()
    if len(encoded) <= limit and len(text) <= limit + 1:
        return head
    return encoded[: limit - len(_MARK.encode())].decode(errors="ignore") + _MARK


def visible_bytes(data: bytes, limit: int = ACTIVITY_BYTES) -> str:
    """The same for bytes that ought to be UTF-8; what is not becomes U+FFFD."""
    return visible(data[: 4 * limit].decode(errors="replace"), limit)


def shown_path(path: str, repo: str) -> str:
    """`path` relative to `repo` where it lies in it, else absolute; judged by its letters alone."""
    whole = posixpath.normpath(posixpath.join(repo, path))
    root = posixpath.normpath(repo)
    if whole.startswith(root + "/"):
        whole = whole[len(root) + 1 :]
    return visible(whole, PATH_BYTES)
