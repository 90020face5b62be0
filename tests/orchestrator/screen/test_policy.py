"""Which changed paths stop a result, make it a draft, or are told to reviewers."""

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.screen.policy import ScreenPolicy, WorkflowChanges, judge

DENY = ScreenPolicy(workflows=WorkflowChanges.DENY)
DRAFT = ScreenPolicy(workflows=WorkflowChanges.DRAFT)
ALLOW = ScreenPolicy(workflows=WorkflowChanges.ALLOW)
RUN = [
    b".github/workflows/ci.yml",
    b".GitHub/Workflows/CI.yml",
    b".github/actions/build/action.yml",
    b".forgejo/workflows/ci.yml",
    b".gitlab-ci.yml",
    b".circleci/config.yml",
    b"Jenkinsfile",
    b"azure-pipelines.yaml",
    b".github",
    b".github/workflows",
]
NOT_RUN = [b"docs/.github/workflows/ci.yml", b".github/workflows.md", b"src/Jenkinsfile", b"ci.yml"]
OTHERS = {
    b"CODEOWNERS": "who has to review",
    b".github/codeowners": "who has to review",
    b".husky/pre-commit": "what runs on developers' machines",
    b".pre-commit-config.yaml": "what runs on developers' machines",
    b".github/dependabot.yml": "how dependencies are updated",
    b"renovate.json": "how dependencies are updated",
    b"web/package-lock.json": "locked dependencies",
    b"Cargo.lock": "locked dependencies",
}


@pytest.mark.parametrize("path", RUN)
def test_deny_refuses_what_the_forge_runs_and_names_path_and_setting(path: bytes) -> None:
    with pytest.raises(JobFailed) as raised:
        judge([b"a", path], DENY, drafts=True)

    failure = raised.value.failure
    assert failure.reason is Reason.RESULT_REJECTED
    assert path.decode() in failure.message
    assert "PAWL_WORKFLOW_CHANGES" in failure.message


@pytest.mark.parametrize("path", RUN)
def test_draft_makes_a_draft_of_what_the_forge_runs(path: bytes) -> None:
    verdict = judge([path, b"a"], DRAFT, drafts=True)

    assert verdict.draft_because == (
        f"It changes what the forge runs by itself: '{path.decode()}'.",
    )
    assert verdict.cautions == ()


def test_draft_refuses_where_there_is_no_draft() -> None:
    with pytest.raises(JobFailed, match="PAWL_WORKFLOW_CHANGES is draft, and a branch alone"):
        judge([RUN[0]], DRAFT, drafts=False)


def test_allow_tells_it_as_a_caution() -> None:
    verdict = judge(RUN[:2], ALLOW, drafts=False)

    assert verdict.draft_because == ()
    assert verdict.cautions == (
        "It changes what the forge runs by itself: '.github/workflows/ci.yml' and 1 more.",
    )


def test_what_only_looks_like_it_is_let_through() -> None:
    verdict = judge(NOT_RUN, DENY, drafts=False)

    assert (verdict.draft_because, verdict.cautions) == ((), ())


@pytest.mark.parametrize(("path", "what"), OTHERS.items())
def test_what_deserves_a_look_is_a_caution(path: bytes, what: str) -> None:
    verdict = judge([path], DENY, drafts=False)

    assert verdict.cautions == (f"It changes {what}: '{path.decode()}'.",)
