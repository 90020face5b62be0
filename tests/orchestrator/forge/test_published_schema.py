"""That what is read of GitHub's answers is what GitHub publishes of their form."""

from typing import Any

import pytest
from githubkit_schemas.v2026_03_10 import models

PULL = {"number", "html_url", "state", "merged_at", "draft", "body", "head", "base"}


@pytest.mark.parametrize(
    ("published", "read"),
    [
        (models.PullRequest, PULL),
        (models.PullRequestSimple, PULL),
        (models.PullRequestPropHead, {"ref", "sha", "repo"}),
        (models.PullRequestPropBase, {"ref", "sha", "repo"}),
        (models.PullRequestSimplePropHead, {"ref", "sha", "repo"}),
        (models.PullRequestSimplePropBase, {"ref", "sha", "repo"}),
        (models.Repository, {"full_name"}),
        (models.FullRepository, {"default_branch", "permissions"}),
        (models.FullRepositoryPropPermissions, {"push"}),
        (models.SearchIssuesGetResponse200, {"incomplete_results", "items"}),
        (models.IssueSearchResultItem, {"number", "body"}),
        (models.IssueComment, {"body"}),
    ],
)
def test_every_field_read_is_a_published_one(published: Any, read: set[str]) -> None:
    assert read <= {field.alias or name for name, field in published.model_fields.items()}


def test_a_pull_request_can_be_without_its_repository_or_text() -> None:
    head: Any = models.PullRequestSimplePropHead.model_fields["repo"]
    body: Any = models.PullRequestSimple.model_fields["body"]
    assert type(None) in head.annotation.__args__
    assert type(None) in body.annotation.__args__
