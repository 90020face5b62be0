"""The address of a pull request that a person may be sent to."""

from urllib.parse import urlsplit

from services.orchestrator.source.slug import Slug

MAX_LENGTH = 2048


def pull_url(told: str, *, web_url: str, slug: Slug, number: int) -> str:
    """`told` if it leads to the forge's own pages, else the address built from the number.

    A forge that was taken over, or a proxy before it, could otherwise put a script or another
    host behind a link that people trust.
    """
    if _leads_to(told, web_url):
        return told
    return f"{web_url.rstrip('/')}/{slug.owner}/{slug.name}/pull/{number}"


def _leads_to(told: str, web_url: str) -> bool:
    if len(told) > MAX_LENGTH or not told.isascii() or not told.isprintable():
        return False
    if any(c in told for c in " \\\"'<>"):
        return False
    try:
        parts, forge = urlsplit(told), urlsplit(web_url)
        return (
            parts.scheme in {"http", "https"}
            and "@" not in parts.netloc
            and (parts.scheme, parts.hostname, parts.port)
            == (forge.scheme, forge.hostname, forge.port)
        )
    except ValueError:
        return False
