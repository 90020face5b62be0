"""Reads the events of Google's Gemini CLI."""

import re
from collections.abc import Mapping, Sequence

from services.runner.runtimes import failures, fields
from services.runner.runtimes.lines import Clock, LineReader, erred, notice, told
from services.runner.runtimes.runtime import Verdict
from services.runner.runtimes.visible import ACTIVITY_BYTES, FINAL_MESSAGE_BYTES, visible
from services.runner.values import Activity, ActivityKind, ErrorClass, Exit, Failure, Usage

_LOGIN = (
    "Set GEMINI_API_KEY for the runner, or log in with `gemini` and set PAWL_GEMINI_HOME to the"
    " directory it wrote."
)
_NOISE = re.compile(
    r"^(?:Security )?Warning: |^YOLO mode is enabled|^Ripgrep is not available"
    r"|^Update your environment|^\s+at |^}|^\s+status: \d+|^\(node:\d+\)|^\(Use `node"
    r"|^Attempt \d+ failed.*Retrying"
)
_WRITERS = frozenset({"write_file", "replace", "edit"})
_MOST_PENDING = 1024

# Codes of its own; from others that it leaves with, the HTTP status modulo 256 can be told:
# 401 is 145, 429 is 173, 529 is 17. None of them is a signal.
_AUTH_EXIT = 41
_TURNS_EXIT = 53
_STATUS_OF_EXIT = {status % 256: status for status in (400, 401, 403, 429, 500, 502, 503, 504, 529)}
# A prompt or reply that the provider blocked ends in one of these, as does an empty reply.
_BLOCKED = re.compile(r"empty response|no text or thoughts|was blocked", re.IGNORECASE)


class GeminiReader(LineReader):
    """Reads `gemini -o stream-json`."""

    def __init__(self, repo: str, clock: Clock) -> None:
        super().__init__(repo, clock)
        self._pending: dict[str, str] = {}
        self._chunk = ""
        self._message = ""
        self._status: str | None = None
        self._error_type = ""
        self._complaint: str | None = None

    @property
    def resulted(self) -> bool:
        """Its one `result` was read."""
        return self._status is not None

    def _event(self, event: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(event, "type")
        match kind:
            case "message":
                return self._said(event)
            case "init":
                return told(ActivityKind.SESSION, fields.text(event, "session_id"))
            case "tool_use":
                return (*self._flushed(), *self._called(event))
            case "tool_result":
                return (*self._flushed(), *self._returned(event))
            case "error":
                return (*self._flushed(), *self._complained(event))
            case "result":
                return (*self._flushed(), *self._ended(event))
            case _:
                return self._unknown(kind)

    def _said(self, event: Mapping[str, object]) -> Sequence[Activity]:
        if fields.text(event, "role") != "assistant":
            # The prompt's echo.
            return ()
        content = fields.text(event, "content")
        # A reply comes in pieces of a few characters: one activity holds as many as fit.
        self._message = (self._message + content)[: FINAL_MESSAGE_BYTES + 1]
        earlier: Sequence[Activity] = ()
        if len(self._chunk) + len(content) > ACTIVITY_BYTES // 4:
            earlier = self._flushed()
        self._chunk += content
        return earlier

    def _flushed(self) -> Sequence[Activity]:
        chunk, self._chunk = self._chunk, ""
        return told(ActivityKind.MESSAGE, chunk)

    def _called(self, event: Mapping[str, object]) -> Sequence[Activity]:
        # What was said before the last tool call is no final message.
        self._message = ""
        name = fields.text(event, "tool_name")
        given = fields.mapping(event, "parameters")
        path = fields.text(given, "file_path")
        if name in _WRITERS and path and len(self._pending) < _MOST_PENDING:
            self._pending[fields.text(event, "tool_id")] = path
        shown = fields.text(given, "command") or path or fields.compact(given, 8192)
        return told(ActivityKind.TOOL_CALL, f"{name}: {shown}")

    def _returned(self, event: Mapping[str, object]) -> Sequence[Activity]:
        self._message = ""
        path = self._pending.pop(fields.text(event, "tool_id"), None)
        error = fields.text(fields.mapping(event, "error"), "message")
        if fields.text(event, "status") != "success":
            return told(ActivityKind.TOOL_RESULT, f"failed: {error}")
        # A command that exits with 3 is a success too, and its code is told nowhere.
        result = told(ActivityKind.TOOL_RESULT, fields.text(event, "output"))
        return result if path is None else (*result, self._changed(path))

    def _complained(self, event: Mapping[str, object]) -> Sequence[Activity]:
        message = fields.text(event, "message")
        self._complaint = visible(message, 1024)
        if fields.text(event, "severity") == "warning":
            return (notice(message),)
        self.trouble = failures.trouble(
            message,
            self._clock(),
            error_class=ErrorClass.REFUSED if _BLOCKED.search(message[:8192]) else None,
        )
        return (erred(self.trouble),)

    def _ended(self, event: Mapping[str, object]) -> Sequence[Activity]:
        self._status = fields.text(event, "status")
        activities = [self._used(_usage(fields.mapping(event, "stats")))]
        error = fields.mapping(event, "error")
        self._error_type = visible(fields.text(error, "type"), 128)
        if message := fields.text(error, "message"):
            self.trouble = failures.trouble(message, self._clock())
            activities.append(erred(self.trouble))
        return activities

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        """Success: exit 0, a result with status `success`, and no error event before it."""
        failure = self._failure(end, stderr_tail, dismissed=dismissed)
        trouble = self.trouble
        return Verdict(
            succeeded=failure is None,
            failure=failure,
            final_message=visible(self._message, FINAL_MESSAGE_BYTES),
            usage=self.usage,
            reset_time=trouble.reset_time if failure is not None and trouble is not None else None,
        )

    def _failure(self, end: Exit, stderr_tail: bytes, *, dismissed: bool) -> Failure | None:
        how = failures.how_ended("gemini", end)
        words = failures.last_words(stderr_tail, _NOISE)
        exited_well = end.code == 0 or dismissed
        if exited_well and self._status == "success":
            if self._complaint is None:
                return None
            return failures.incomplete(f"{how}, but stopped early: {self._complaint}")
        if end.code == _TURNS_EXIT or self._error_type == "FatalTurnLimitedError":
            return failures.over_budget(f"{how}: it reached its limit of turns (maxSessionTurns)")
        if end.code == 0 and self.trouble is None:
            # Ended by a signal, or given a prompt above its context's size: it tells neither.
            last = f": {words}" if words else ""
            return failures.incomplete(f"{how} without a result that says it succeeded{last}")
        trouble = self.trouble or self._guessed(end, words)
        return failures.of_trouble("gemini", trouble, end, words, _LOGIN)

    def _guessed(self, end: Exit, words: str) -> failures.Trouble | None:
        """What the exit code and stderr say where no event says anything."""
        if end.code == _AUTH_EXIT:
            return failures.trouble(words, self._clock(), error_class=ErrorClass.AUTH)
        status = _STATUS_OF_EXIT.get(end.code) if end.code is not None else None
        if status is None:
            return failures.trouble(words, self._clock()) if words and end.signal is None else None
        return failures.trouble(
            words or f"the provider answered {status}", self._clock(), status=status
        )


def _usage(stats: Mapping[str, object]) -> Usage:
    given = fields.count(stats, "input_tokens")
    written = fields.count(stats, "output_tokens")
    total = fields.count(stats, "total_tokens")
    thoughts = None
    if given is not None and written is not None and total is not None:
        # `output_tokens` leaves out the thoughts, which only the total has.
        thoughts = max(0, total - given - written)
        written += thoughts
    return Usage(
        input_tokens=given,
        cached_input_tokens=fields.count(stats, "cached"),
        output_tokens=written,
        reasoning_tokens=thoughts,
    )
