"""Reads the events of OpenAI's Codex CLI."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.runner.runtimes import failures, fields
from services.runner.runtimes.lines import Clock, LineReader, erred, notice, told
from services.runner.runtimes.runtime import Verdict
from services.runner.runtimes.visible import FINAL_MESSAGE_BYTES, visible
from services.runner.values import Activity, ActivityKind, ErrorClass, Exit, Usage

_LOGIN = (
    "Set CODEX_API_KEY for the runner, or log in with `codex login` and set PAWL_CODEX_HOME to the"
    " directory it wrote; check that the account has credit."
)
_NOISE = re.compile(r"^Reading prompt from stdin|^WARNING: proceeding|^warning: Untrusted")

# An API account without credit is answered 429, but waiting does not help it.
_RULES: failures.Rules = (
    (re.compile(r"insufficient_quota|quota exceeded\. check", re.IGNORECASE), ErrorClass.AUTH),
    (re.compile(r"cyber_policy|invalid_prompt", re.IGNORECASE), ErrorClass.REFUSED),
)
_BUDGET = re.compile(r"budget reached", re.IGNORECASE)
_RETRYING = re.compile(r"^Reconnecting\.\.\.")


class CodexReader(LineReader):
    """Reads `codex exec --json`."""

    def __init__(self, repo: str, clock: Clock) -> None:
        super().__init__(repo, clock)
        self._message: str | None = None
        self._last = ""

    @property
    def resulted(self) -> bool:
        """The turn is over, well or ill."""
        return self._last in {"turn.completed", "turn.failed"}

    def _event(self, event: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(event, "type")
        self._last = kind
        match kind:
            case "thread.started":
                return told(ActivityKind.SESSION, fields.text(event, "thread_id"))
            case "turn.started":
                return ()
            case "turn.completed":
                return (self._used(_usage(fields.mapping(event, "usage"))),)
            case "turn.failed":
                return self._error(fields.text(fields.mapping(event, "error"), "message"))
            case "error":
                return self._error(fields.text(event, "message"))
            case "item.started":
                return _started(fields.mapping(event, "item"))
            case "item.updated":
                return ()
            case "item.completed":
                return self._completed(fields.mapping(event, "item"))
            case _:
                return self._unknown(kind)

    def _error(self, message: str) -> Sequence[Activity]:
        if _RETRYING.search(message):
            return (notice(message),)
        found = failures.trouble(message, self._clock(), rules=_RULES)
        # `turn.failed` repeats the words of the `error` before it.
        again = self.trouble is not None and self.trouble.message == found.message
        self.trouble = found
        return () if again else (erred(found),)

    def _completed(self, item: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(item, "type")
        match kind:
            case "agent_message":
                self._message = visible(fields.text(item, "text"), FINAL_MESSAGE_BYTES)
                return told(ActivityKind.MESSAGE, fields.text(item, "text"))
            case "reasoning":
                return told(ActivityKind.REASONING, fields.text(item, "text"))
            case "command_execution":
                code = fields.count(item, "exit_code")
                output = fields.text(item, "aggregated_output")
                return told(ActivityKind.TOOL_RESULT, f"exit {code}\n{output}")
            case "file_change":
                return self._changes(item)
            case "mcp_tool_call":
                outcome = item.get("error") or item.get("result")
                return told(
                    ActivityKind.TOOL_RESULT,
                    f"{fields.text(item, 'status')} {fields.compact(outcome, 8192)}",
                )
            case "web_search" | "todo_list" | "collab_tool_call":
                return ()
            case "error":
                # A warning about configuration or the model; the run goes on.
                return (notice(fields.text(item, "message")),)
            case _:
                return self._unknown(f"item {kind}")

    def _changes(self, item: Mapping[str, object]) -> Sequence[Activity]:
        if fields.text(item, "status") != "completed":
            return told(ActivityKind.TOOL_RESULT, "a change of files was not made")
        return [
            self._changed(fields.text(change, "path"))
            for change in fields.mappings(item, "changes")
        ]

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        """Success: exit 0, `turn.completed` last, and at least one message."""
        completed = self._last == "turn.completed"
        exited_well = end.code == 0 or dismissed
        failure = None
        if not (completed and exited_well):
            how = failures.how_ended("codex", end)
            if self.trouble is not None and _BUDGET.search(self.trouble.message):
                failure = failures.over_budget(f"{how}. {self.trouble.message}")
            elif end.code == 0 and self.trouble is None:
                failure = failures.incomplete(f"{how} before its turn was completed")
            else:
                words = failures.last_words(stderr_tail, _NOISE)
                failure = failures.of_trouble("codex", self.trouble, end, words, _LOGIN)
        elif self._message is None:
            # Of a refusal this CLI tells nothing at all, and neither of an empty reply.
            failure = failures.refused("codex ended its turn without a message: the model refused")
        return Verdict(
            succeeded=failure is None,
            failure=failure,
            final_message=self._message or "",
            usage=self.usage,
            reset_time=_reset(self, failure is not None),
        )


def _reset(reader: LineReader, failed: bool) -> datetime | None:
    return reader.trouble.reset_time if failed and reader.trouble is not None else None


def _started(item: Mapping[str, object]) -> Sequence[Activity]:
    match fields.text(item, "type"):
        case "command_execution":
            return told(ActivityKind.TOOL_CALL, f"shell: {fields.text(item, 'command')}")
        case "mcp_tool_call":
            tool = f"{fields.text(item, 'server')}.{fields.text(item, 'tool')}"
            return told(
                ActivityKind.TOOL_CALL, f"{tool}: {fields.compact(item.get('arguments'), 8192)}"
            )
        case "web_search":
            return told(ActivityKind.TOOL_CALL, f"web search: {fields.text(item, 'query')}")
        case "collab_tool_call":
            return told(ActivityKind.TOOL_CALL, f"sub-agent: {fields.text(item, 'tool')}")
        case _:
            return ()


def _usage(usage: Mapping[str, object]) -> Usage:
    return Usage(
        input_tokens=fields.count(usage, "input_tokens"),
        cached_input_tokens=fields.count(usage, "cached_input_tokens"),
        output_tokens=fields.count(usage, "output_tokens"),
        reasoning_tokens=fields.count(usage, "reasoning_output_tokens"),
    )
