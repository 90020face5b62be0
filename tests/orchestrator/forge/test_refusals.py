"""What a forge's refusal becomes, by its status, headers and words."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.orchestrator.forge.refusals import LONGEST_WAIT, MAX_WORDS, meaning
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.forge import AskedTooSoon, ForgeAway, PullRequestExists

NOW = datetime(2026, 1, 26, 19, 0, 0, tzinfo=UTC)
TOKEN = "the-token"


def meant(
    status: int, told: object = None, asked: str = "to open a pull request", **headers: str
) -> Exception:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = httpx.Response(status, json=told, headers=named)
    return meaning(answer, asked=asked, token=TOKEN, now=NOW)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry_After": "60"}, timedelta(seconds=60)),
        ({"Retry_After": "Mon, 26 Jan 2026 19:02:00 GMT"}, timedelta(seconds=120)),
        ({"Retry_After": "Mon, 26 Jan 2026 18:00:00 GMT"}, timedelta()),
        ({"Retry_After": "999999999"}, LONGEST_WAIT),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        (
            {
                "X_RateLimit_Remaining": "0",
                "X_RateLimit_Reset": str(int(NOW.timestamp()) + 30),
            },
            timedelta(seconds=30),
        ),
        ({"X_RateLimit_Remaining": "7", "X_RateLimit_Reset": "1"}, None),
    ],
)
def test_a_limit_tells_how_long_to_wait(headers: dict[str, str], pause: timedelta | None) -> None:
    told = meant(429, **headers)
    assert isinstance(told, ForgeAway)
    assert told.retry_after == pause


def test_a_forbidden_call_is_a_limit_if_its_words_say_so() -> None:
    told = meant(403, {"message": "You have exceeded a secondary rate limit."})
    assert isinstance(told, ForgeAway)


def test_a_forbidden_call_names_what_the_token_lacks() -> None:
    told = meant(
        403,
        {"message": "Resource not accessible by integration"},
        X_Accepted_GitHub_Permissions="pull_requests=write",
    )
    assert isinstance(told, JobFailed)
    assert "Resource not accessible by integration" in told.failure.message
    assert "(pull_requests=write)" in told.failure.remedy


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        (403, ["Resource not accessible by integration"]),
        (404, []),
        (422, [{"resource": "PullRequest", "field": "head", "code": "invalid"}]),
        (422, [{"resource": "PullRequest", "code": "custom", "message": "No commits between a b"}]),
    ],
)
def test_what_a_moment_may_cure_is_told_apart(status: int, errors: list[object]) -> None:
    told = meant(status, {"message": "Validation Failed", "errors": errors})
    assert isinstance(told, AskedTooSoon)


def test_what_the_forge_objects_to_is_final() -> None:
    told = meant(422, {"message": "no", "errors": [{"field": "base", "code": "invalid"}]})
    assert isinstance(told, JobFailed)
    assert not isinstance(told, AskedTooSoon)


def test_an_existing_pull_request_is_told_apart() -> None:
    words = "A pull request already exists for o:work."
    told = meant(422, {"message": "Validation Failed", "errors": [{"message": words}]})
    assert isinstance(told, PullRequestExists)


def test_a_label_that_somebody_else_has_just_made_is_no_pull_request() -> None:
    """Two jobs that brought the same new label along ended a driver that way."""
    words = {"message": "Validation Failed", "errors": [{"message": "Label already exists"}]}
    assert isinstance(meant(422, words, asked="to add labels"), JobFailed)


def test_the_forges_words_are_bounded_cleaned_and_without_the_token() -> None:
    words = f"no\x1b[31m \u202e{TOKEN}\n\n" + "x" * 5000
    told = meant(422, {"message": words, "errors": [{"field": "base", "code": "invalid"}] * 99})
    assert isinstance(told, JobFailed)
    message = told.failure.message
    assert message.isprintable()
    assert TOKEN not in message
    assert len(message) < MAX_WORDS + 100


@pytest.mark.parametrize("told", [None, [], "x", {"message": 3}, {"errors": {"a": 1}}])
def test_words_of_no_form_are_left_out(told: object) -> None:
    refusal = meant(422, told)
    assert isinstance(refusal, JobFailed)
    assert refusal.failure.message == "The forge declined to open a pull request by 422."
