"""Names of files and targets of links that some system reads as something else."""

import re
import unicodedata

SHOWN_CHARACTERS = 200

# What HFS+ leaves out when it compares names, so that `.g\u200cit` opens `.git` there.
HFS_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
DOT_GIT = re.compile(r"\.git|git~[0-9]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
READ_BY_GIT = re.compile(
    r"\.git(modules|attributes|ignore)|\.mailmap|git(mod|att|ign)[a-z]*~[0-9]+|mailma~[0-9]+"
)
GITMODULES = re.compile(r"\.gitmodules|gitmod[a-z]*~[0-9]+")


def name_fault(name: bytes, max_bytes: int) -> str | None:
    """What is wrong with the name of one file or directory, as the end of a sentence."""
    if not name or name in {b".", b".."} or b"/" in name:
        return "no name for a file"
    if len(name) > max_bytes:
        return f"a name longer than {max_bytes} bytes"
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "a name that is not UTF-8"
    if CONTROL.search(text):
        return "a name with control characters"
    if may_fold(name) and any(DOT_GIT.fullmatch(folded(part)) for part in text.split("\\")):
        return "a name that some systems take for .git"
    return None


def link_fault(path: bytes, target: bytes) -> str | None:
    """What is wrong with the target of the link at `path`, as the end of a sentence.

    Leading ``..`` climb real directories; one after a name might climb from wherever that name
    leads, so it is refused whatever it looks like on paper.
    """
    if not target or b"\0" in target:
        return "no target at all"
    if target.startswith(b"/"):
        return "an absolute target"
    climbed, named = 0, False
    for part in target.split(b"/"):
        if part in {b"", b"."}:
            continue
        if part != b"..":
            named = True
            if DOT_GIT.fullmatch(folded(part.decode("utf-8", "replace"))):
                return "a target in .git"
        elif named:
            return "a target that climbs after it has descended"
        else:
            climbed += 1
    if climbed > path.count(b"/"):
        return "a target outside the repository"
    return None


def gitmodules_fault(content: bytes) -> str | None:
    """What is dangerous in a ``.gitmodules``, as the end of a sentence; a strict reading.

    git's escapes and line joins are undone first, so that none can hide a leading dash.
    """
    text = content.decode("utf-8", "replace").replace("\\\r\n", "").replace("\\\n", "")
    for line in text.splitlines():
        section = re.match(r'\s*\[\s*submodule\s+"((?:[^"\\]|\\.)*)"', line, re.IGNORECASE)
        if section and ".." in re.split(r"[/\\]", re.sub(r"\\(.)", r"\1", section[1])):
            return "a submodule name with '..'"
        pair = re.search(r"(?:^|\])\s*(path|url|update)\s*=\s*(.*)$", line, re.IGNORECASE)
        if not pair:
            continue
        key, value = pair[1].lower(), pair[2].strip().replace('"', "")
        if value.startswith("-"):
            return f"a submodule {key} that reads as an option"
        if key == "update" and value.startswith("!"):
            return "a submodule update that runs a command"
        if key == "url" and (re.search(r"\\n|%0a|%0d|\r", value, re.IGNORECASE) or "::" in value):
            return "a submodule url that git may read as something else"
    return None


def shown(path: bytes) -> str:
    """A path from outside, safe to show: quoted, controls made visible, bounded."""
    text = path.decode("utf-8", "backslashreplace")[:SHOWN_CHARACTERS]
    clean = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return f"'{clean}{'...' if len(path) > SHOWN_CHARACTERS else ''}'"


def twin_key(name: bytes) -> str:
    if name.isascii():
        return name.decode().lower()
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def may_fold(name: bytes) -> bool:
    """Whether folding could make a name of git's of it; most names are spared the work."""
    return not name.isascii() or b"git" in name.lower()


def folded(name: str) -> str:
    """A name as HFS+ and NTFS compare it: ignorables, streams, trailing dots left out."""
    return name.translate(HFS_IGNORED).split(":", 1)[0].rstrip(" .").casefold()
