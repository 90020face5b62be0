"""What git's words about an origin are taken for."""

import pytest

from services.orchestrator.source.words import Trouble, trouble

UNABLE = "fatal: unable to access 'https://git.example/a/b.git/': "
RETURNED = f"{UNABLE}The requested URL returned error: "


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (f"{RETURNED}401", Trouble.AUTH),
        (f"{RETURNED}403", Trouble.AUTH),
        (f"remote: You have exceeded a secondary rate limit.\n{RETURNED}403", Trouble.UNREACHABLE),
        (f"remote: Too many requests\n{RETURNED}403", Trouble.UNREACHABLE),
        (f"{RETURNED}404", Trouble.NOT_FOUND),
        (f"{RETURNED}408", Trouble.UNREACHABLE),
        (f"{RETURNED}410", Trouble.NOT_FOUND),
        (f"error: RPC failed; HTTP 413 curl 22 {RETURNED}413", Trouble.DECLINED),
        (f"{RETURNED}429", Trouble.UNREACHABLE),
        (f"{RETURNED}503", Trouble.UNREACHABLE),
        (f"{UNABLE}Could not resolve host: git.example", Trouble.UNREACHABLE),
        ("Host key verification failed.", Trouble.HOST_KEY),
        ("git@git.example: Permission denied (publickey).", Trouble.AUTH),
        ("", Trouble.UNREACHABLE),
    ],
)
def test_words_are_told_apart(words: str, kind: Trouble) -> None:
    assert trouble(words) is kind
