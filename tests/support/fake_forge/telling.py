"""A pull request in the words of GitHub's API."""

from typing import Any

from tests.support.fake_forge.repository import Pull, Repository


def told(repository: Repository, pull: Pull, link: str) -> dict[str, Any]:
    """The body that tells of a pull request; `link` leads a person to it."""
    name = f"{repository.owner}/{repository.name}"
    head_repository = f"{pull.head_owner}/{repository.name}"
    return {
        "number": pull.number,
        "html_url": link,
        "state": pull.state,
        "merged_at": "2026-01-26T19:01:12Z" if pull.merged else None,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "labels": [{"name": label} for label in pull.labels],
        "head": {
            "ref": pull.head,
            "sha": pull.head_commit,
            "repo": {"full_name": head_repository},
        },
        "base": {"ref": pull.base, "repo": {"full_name": name}},
    }
