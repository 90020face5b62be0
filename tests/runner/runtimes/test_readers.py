"""What the three readers understand of recorded streams."""

from datetime import UTC, datetime, timedelta

import pytest

from services.runner.values import ActivityKind, ErrorClass, Exit, Usage
from tests.runner.runtimes.support import JOB, NOW, STREAMS, read, reader, runtime

RUNTIMES = ("codex", "gemini", "claude")
WRITE_USAGE = {
    "codex": Usage(
        input_tokens=3000, cached_input_tokens=600, output_tokens=150, reasoning_tokens=30
    ),
    "gemini": Usage(
        input_tokens=3000, cached_input_tokens=600, output_tokens=150, reasoning_tokens=30
    ),
    "claude": Usage(input_tokens=3000, cached_input_tokens=600, output_tokens=150, cost_usd=0.01),
}


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_run_that_wrote_and_looked_succeeds_with_its_last_words(name: str) -> None:
    _, verdict = read(f"{name}-write")

    assert verdict.succeeded
    assert verdict.failure is None
    assert verdict.final_message == "Done: wrote hello.txt."
    assert verdict.usage == WRITE_USAGE[name]


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_run_s_activities_come_in_the_order_of_its_events(name: str) -> None:
    activities, _ = read(f"{name}-write")

    kinds = [activity.kind.value for activity in activities]
    spoken = [kind for kind in kinds if kind not in {"reasoning", "tool_result"}]
    changed = ["file_change", "file_change"] if name == "codex" else ["tool_call", "file_change"]
    assert spoken == ["session", "message", *changed, "tool_call", "message", "usage"]


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_changed_file_is_named_relative_to_the_repository(name: str) -> None:
    activities, _ = read(f"{name}-write")

    paths = [a.path for a in activities if a.kind is ActivityKind.FILE_CHANGE]
    assert paths[0] == "hello.txt"


def test_a_changed_file_outside_the_repository_keeps_its_whole_path() -> None:
    activities, _ = read("codex-write")

    paths = [a.path for a in activities if a.kind is ActivityKind.FILE_CHANGE]
    assert paths[1] == "/etc/motd"


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_failing_tool_does_not_fail_the_run_and_changes_no_file(name: str) -> None:
    activities, verdict = read(f"{name}-failing-tool")

    assert verdict.succeeded
    assert not [a for a in activities if a.kind is ActivityKind.FILE_CHANGE]


@pytest.mark.parametrize(
    ("stream", "code", "reason", "named"),
    [
        ("codex-refusal", 0, "AGENT_REFUSED", "refused"),
        ("claude-refusal", 1, "AGENT_REFUSED", "Usage Policy"),
        ("gemini-empty", 0, "AGENT_REFUSED", "empty response"),
        ("gemini-blocked", 0, "AGENT_REFUSED", "safety settings"),
        ("codex-400", 1, "AGENT_EXIT", "bad request"),
        ("claude-400", 1, "AGENT_EXIT", "bad request"),
        ("gemini-400", 144, "AGENT_EXIT", "code 144"),
        ("codex-401", 1, "AGENT_AUTH", "401 Unauthorized"),
        ("claude-401", 1, "AGENT_AUTH", "401"),
        ("gemini-401", 145, "AGENT_AUTH", "UNAUTHENTICATED"),
        ("codex-no-credit", 1, "AGENT_AUTH", "billing"),
        ("codex-429", 1, "AGENT_RATE_LIMITED", "429"),
        ("claude-429", 1, "AGENT_RATE_LIMITED", "429"),
        ("gemini-429", 173, "AGENT_RATE_LIMITED", "RESOURCE_EXHAUSTED"),
        ("codex-500", 1, "AGENT_EXIT", "high demand"),
        ("claude-500", 1, "AGENT_EXIT", "500"),
        ("gemini-500", 244, "AGENT_EXIT", "INTERNAL"),
        ("codex-cut", 1, "AGENT_EXIT", "max_output_tokens"),
        ("codex-budget", 1, "BUDGET_EXCEEDED", "budget reached"),
        ("claude-max-turns", 1, "BUDGET_EXCEEDED", "turns"),
        ("gemini-max-turns", 53, "BUDGET_EXCEEDED", "turns"),
        ("codex-incomplete", 0, "AGENT_INCOMPLETE", "code 0"),
        ("claude-incomplete", 0, "AGENT_INCOMPLETE", "code 0"),
        ("gemini-incomplete", 0, "AGENT_INCOMPLETE", "code 0"),
        ("claude-background-open", 0, "AGENT_INCOMPLETE", "without a result"),
        ("claude-interrupted", 0, "AGENT_INCOMPLETE", "aborted"),
        ("claude-denied", 0, "AGENT_INCOMPLETE", "denied"),
        ("gemini-loop", 0, "AGENT_INCOMPLETE", "Loop detected"),
    ],
)
def test_a_failure_has_its_reason_names_what_happened_and_says_what_to_do(
    stream: str, code: int, reason: str, named: str
) -> None:
    _, verdict = read(stream, code=code)

    assert not verdict.succeeded
    assert verdict.failure is not None
    assert verdict.failure.reason == reason
    assert named in verdict.failure.message
    assert verdict.failure.remedy


@pytest.mark.parametrize(
    ("stream", "error_class"),
    [
        ("codex-401", ErrorClass.AUTH),
        ("claude-429", ErrorClass.RATE_LIMIT),
        ("gemini-500", ErrorClass.OVERLOADED),
        ("claude-refusal", ErrorClass.REFUSED),
        ("codex-400", ErrorClass.OTHER),
    ],
)
def test_an_error_is_told_once_with_its_class(stream: str, error_class: ErrorClass) -> None:
    activities, _ = read(stream, code=1)

    errors = [a.error_class for a in activities if a.kind is ActivityKind.ERROR]
    assert errors == [error_class]


@pytest.mark.parametrize(
    ("stream", "reset"),
    [
        ("codex-usage-limit", NOW + timedelta(days=2, hours=17, minutes=14)),
        ("claude-limit", datetime(2026, 11, 22, 16, 0, tzinfo=UTC)),
        ("claude-limit-clock", datetime(2026, 11, 22, 14, 0, tzinfo=UTC)),
        ("gemini-429", NOW + timedelta(seconds=34.5)),
        ("codex-429", None),
    ],
)
def test_a_rate_limit_tells_when_it_ends_if_the_provider_did(
    stream: str, reset: datetime | None
) -> None:
    _, verdict = read(stream, code=1)

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_RATE_LIMITED"
    assert verdict.reset_time == reset


def test_a_codex_warning_is_a_notice_and_no_failure() -> None:
    activities, verdict = read("codex-warning")

    assert verdict.succeeded
    assert [a.kind for a in activities if "metadata" in a.text] == [ActivityKind.NOTICE]


def test_of_two_claude_results_the_last_one_decides_and_bills() -> None:
    _, verdict = read("claude-background")

    assert verdict.final_message == "It is done."
    assert verdict.usage == Usage(
        input_tokens=2000, cached_input_tokens=400, output_tokens=100, cost_usd=0.02
    )


def test_a_claude_turn_begun_after_the_result_takes_the_result_back() -> None:
    reading = reader("claude")
    told = []
    for line in (STREAMS / "claude-background-open.jsonl").read_bytes().splitlines():
        reading.line(line)
        told.append(reading.resulted)

    assert told == [False, False, True, False, False]


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_success_that_exits_with_an_error_is_a_failure(name: str) -> None:
    _, verdict = read(f"{name}-write", code=7)

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_EXIT"
    assert "code 7" in verdict.failure.message


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_run_ended_by_a_signal_names_it(name: str) -> None:
    _, verdict = read(f"{name}-incomplete", signal=9)

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_SIGNALLED"
    assert "SIGKILL" in verdict.failure.message


def test_claude_s_exit_code_for_a_caught_signal_counts_as_the_signal() -> None:
    _, verdict = read("claude-incomplete", code=143)

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_SIGNALLED"
    assert "SIGTERM" in verdict.failure.message


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_dismissed_run_is_judged_by_its_result_alone(name: str) -> None:
    reading = reader(name)
    for line in (STREAMS / f"{name}-write.jsonl").read_bytes().splitlines():
        reading.line(line)

    assert reading.verdict(Exit(signal=15), b"", dismissed=True).succeeded
    assert not reading.verdict(Exit(signal=15), b"").succeeded


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_cli_that_could_not_be_started_is_unavailable(name: str) -> None:
    reading = reader(name)

    verdict = reading.verdict(Exit(code=127), b"")

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_UNAVAILABLE"


@pytest.mark.parametrize("name", RUNTIMES)
def test_where_no_event_explains_the_end_the_last_line_of_stderr_does(name: str) -> None:
    reading = reader(name)

    verdict = reading.verdict(Exit(code=1), b"something\nerror: no such flag\n\n")

    assert verdict.failure is not None
    assert "error: no such flag" in verdict.failure.message


def test_gemini_s_exit_code_tells_the_provider_s_answer_where_nothing_else_does() -> None:
    reading = reader("gemini")

    verdict = reading.verdict(Exit(code=429 % 256), b"")

    assert verdict.failure is not None
    assert verdict.failure.reason == "AGENT_RATE_LIMITED"


def test_gemini_s_pieces_of_a_message_become_one_activity() -> None:
    activities, _ = read("gemini-write")

    said = [a.text for a in activities if a.kind is ActivityKind.MESSAGE]
    assert said == ["I will write.", "Done: wrote hello.txt."]


def test_the_place_s_repository_is_what_paths_are_relative_to() -> None:
    reading = runtime("claude", JOB.repo).reader(JOB)
    reading.line(
        b'{"type":"assistant","message":{"content":[{"type":"tool_use","id":"1","name":"Write",'
        b'"input":{"file_path":"../escaped\\u001b[2J"}}]}}'
    )

    activities = reading.line(
        b'{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"1",'
        b'"content":"ok"}]}}'
    )

    assert activities[-1].path == "/job/escaped␛[2J"
