"""Reads Markdown as GitHub's own parser does, and tells what became of it."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

QUOTING = {"code", "pre"}


@dataclass
class Read:
    """What a reader of a text meets."""

    tags: Counter[str] = field(default_factory=Counter)
    """Elements by name."""
    prose: str = ""
    """What stands outside of code: there mentions and references act."""
    code: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read = Read()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.read.tags[tag] += 1
        if tag in QUOTING:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in QUOTING:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.read.code += data
        else:
            self.read.prose += data

    def handle_comment(self, data: str) -> None:
        self.read.tags["!--"] += 1


def html(markdown: str) -> str:
    """HTML with every extension of GitHub's, raw HTML left in: the worst that can come of it."""
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    made: str = cmarkgfm.markdown_to_html_with_extensions(
        markdown,
        options=options,
        extensions=["table", "autolink", "strikethrough", "tasklist"],
    )
    return made


def read(markdown: str) -> Read:
    """`markdown` as its readers meet it."""
    reader = _Reader()
    reader.feed(html(markdown))
    reader.close()
    return reader.read
