"""Reads the events of Anthropic's Claude Code CLI."""

import re
from collections.abc import Mapping, Sequence

from services.runner.runtimes import failures, fields
from services.runner.runtimes.lines import Clock, LineReader, erred, notice, told
from services.runner.runtimes.resets import epoch_time
from services.runner.runtimes.runtime import Verdict
from services.runner.runtimes.visible import FINAL_MESSAGE_BYTES, visible
from services.runner.values import Activity, ActivityKind, ErrorClass, Exit, Failure, Usage

_LOGIN = (
    "Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN for the runner, or log in with `claude` and"
    " set PAWL_CLAUDE_HOME to the directory it wrote; check that the account has credit."
)
_NOISE = re.compile(r"^Warning: no stdin data")
_WRITERS = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
_MOST_PENDING = 1024
_QUIET = frozenset({"stream_event", "tool_progress", "keep_alive", "auth_status"})
_CLASSES = {
    "authentication_failed": ErrorClass.AUTH,
    "oauth_org_not_allowed": ErrorClass.AUTH,
    "billing_error": ErrorClass.AUTH,
    "rate_limit": ErrorClass.RATE_LIMIT,
    "overloaded": ErrorClass.OVERLOADED,
    "server_error": ErrorClass.OVERLOADED,
}
_LIMITS = {
    "error_max_turns": "its limit of turns (--max-turns)",
    "error_max_budget_usd": "its limit of cost (--max-budget-usd)",
}


class ClaudeReader(LineReader):
    """Reads `claude -p --output-format stream-json --verbose`."""

    def __init__(self, repo: str, clock: Clock) -> None:
        super().__init__(repo, clock)
        self._session = ""
        # The files that calls in flight are about to change, by the call's id.
        self._pending: dict[str, str] = {}
        self._result: Mapping[str, object] | None = None
        self._message = ""
        self._refused = False
        self._limit: failures.Trouble | None = None

    @property
    def resulted(self) -> bool:
        """The newest turn has its result: a finished background task opens another one."""
        return self._result is not None

    def _event(self, event: Mapping[str, object]) -> Sequence[Activity]:
        kind = fields.text(event, "type")
        match kind:
            case "system":
                return self._system(event)
            case "assistant":
                return self._assistant(event)
            case "user":
                return self._user(event)
            case "result":
                return self._ended(event)
            case "rate_limit_event":
                return self._limited(fields.mapping(event, "rate_limit_info"))
            case _:
                return () if kind in _QUIET else self._unknown(kind)

    def _system(self, event: Mapping[str, object]) -> Sequence[Activity]:
        match fields.text(event, "subtype"):
            case "init":
                self._result = None
                session = fields.text(event, "session_id")
                if session == self._session:
                    return ()
                self._session = session
                return told(ActivityKind.SESSION, session)
            case "api_retry":
                return (_retrying(event),)
            case "model_refusal_no_fallback":
                self._refused = True
                return ()
            case "task_notification":
                return told(ActivityKind.NOTICE, fields.text(event, "summary"))
            case _:
                return ()

    def _assistant(self, event: Mapping[str, object]) -> Sequence[Activity]:
        message = fields.mapping(event, "message")
        if fields.text(message, "model") == "<synthetic>" and fields.text(event, "error"):
            return self._synthetic(event, message)
        activities: list[Activity] = []
        for block in fields.mappings(message, "content"):
            activities += self._block(block)
            if fields.text(block, "type") == "text" and not event.get("parent_tool_use_id"):
                self._message = visible(fields.text(block, "text"), FINAL_MESSAGE_BYTES)
        return activities

    def _block(self, block: Mapping[str, object]) -> Sequence[Activity]:
        match fields.text(block, "type"):
            case "text":
                return told(ActivityKind.MESSAGE, fields.text(block, "text"))
            case "thinking":
                return told(ActivityKind.REASONING, fields.text(block, "thinking"))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                return self._called(block)
            case _:
                return ()

    def _called(self, block: Mapping[str, object]) -> Sequence[Activity]:
        name = fields.text(block, "name")
        given = fields.mapping(block, "input")
        path = fields.text(given, "file_path") or fields.text(given, "notebook_path")
        if name in _WRITERS and path and len(self._pending) < _MOST_PENDING:
            self._pending[fields.text(block, "id")] = path
        shown = fields.text(given, "command") or path or fields.compact(given, 8192)
        return told(ActivityKind.TOOL_CALL, f"{name}: {shown}")

    def _user(self, event: Mapping[str, object]) -> Sequence[Activity]:
        activities: list[Activity] = []
        for block in fields.mappings(fields.mapping(event, "message"), "content"):
            if fields.text(block, "type") != "tool_result":
                continue
            failed = block.get("is_error") is True
            path = self._pending.pop(fields.text(block, "tool_use_id"), None)
            text = _content(block)
            activities += told(ActivityKind.TOOL_RESULT, f"failed: {text}" if failed else text)
            if path is not None and not failed:
                activities.append(self._changed(path))
        return activities

    def _synthetic(
        self, event: Mapping[str, object], message: Mapping[str, object]
    ) -> Sequence[Activity]:
        """An error of the provider's, in the shape of a message that no model wrote."""
        words = " ".join(
            fields.text(block, "text") for block in fields.mappings(message, "content")
        )
        known = _CLASSES.get(fields.text(event, "error"))
        if fields.text(message, "stop_reason") == "refusal":
            known = ErrorClass.REFUSED
        self.trouble = failures.trouble(words, self._clock(), error_class=known)
        return (erred(self.trouble),)

    def _limited(self, info: Mapping[str, object]) -> Sequence[Activity]:
        if fields.text(info, "status") != "rejected":
            return ()
        now = self._clock()
        self._limit = failures.Trouble(
            message=visible(f"limit reached: {fields.text(info, 'rateLimitType')}", 256),
            error_class=ErrorClass.RATE_LIMIT,
            reset_time=epoch_time(fields.number(info, "resetsAt"), now),
        )
        return (erred(self._limit),)

    def _ended(self, event: Mapping[str, object]) -> Sequence[Activity]:
        # One `-p` run may have several results: the last one decides.
        self._result = {
            "subtype": fields.text(event, "subtype"),
            "is_error": event.get("is_error") is not False,
            "denied": len(fields.mappings(event, "permission_denials")),
            "stop_reason": fields.text(event, "stop_reason"),
        }
        if not self._result["is_error"] and fields.text(event, "result"):
            self._message = visible(fields.text(event, "result"), FINAL_MESSAGE_BYTES)
        activities = [self._used(_usage(event))]
        if self._result["is_error"]:
            activities += self._error(event)
        else:
            self.trouble = None
        return activities

    def _error(self, event: Mapping[str, object]) -> Sequence[Activity]:
        listed = event.get("errors")
        errors = (
            [item for item in listed[:8] if isinstance(item, str)]
            if isinstance(listed, list)
            else []
        )
        words = fields.text(event, "result") or "; ".join(errors)
        if self.trouble is not None and (not words or self.trouble.message == visible(words, 1024)):
            return ()
        if not words:
            return ()
        self.trouble = failures.trouble(
            words,
            self._clock(),
            status=fields.count(event, "api_error_status"),
            error_class=ErrorClass.REFUSED
            if fields.text(event, "stop_reason") == "refusal"
            else None,
        )
        return (erred(self.trouble),)

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        """Success: exit 0, and the last result is a success without error or denial."""
        trouble = self._known()
        failure = self._failure(end, stderr_tail, trouble, dismissed=dismissed)
        return Verdict(
            succeeded=failure is None,
            failure=failure,
            final_message=self._message,
            usage=self.usage,
            reset_time=trouble.reset_time if failure is not None and trouble is not None else None,
        )

    def _known(self) -> failures.Trouble | None:
        """The trouble, with the time of reset that a limit's own event told."""
        if self.trouble is None or self.trouble.error_class is not ErrorClass.RATE_LIMIT:
            return self.trouble
        if self.trouble.reset_time is not None or self._limit is None:
            return self.trouble
        return failures.Trouble(
            message=self.trouble.message,
            error_class=ErrorClass.RATE_LIMIT,
            reset_time=self._limit.reset_time,
        )

    def _failure(
        self, end: Exit, stderr_tail: bytes, trouble: failures.Trouble | None, *, dismissed: bool
    ) -> Failure | None:
        result = self._result
        how = failures.how_ended("claude", end)
        words = failures.last_words(stderr_tail, _NOISE)
        if result is not None:
            subtype = str(result["subtype"])
            if subtype in _LIMITS:
                return failures.over_budget(f"{how}: it reached {_LIMITS[subtype]}")
            well = subtype == "success" and not result["is_error"]
            if well and (end.code == 0 or dismissed):
                if not result["denied"]:
                    return None
                return failures.incomplete(
                    f"{how}, but was denied the use of a tool {result['denied']} times"
                )
            if not well and trouble is not None:
                return failures.of_trouble("claude", trouble, end, words, _LOGIN)
            if self._refused and not well:
                return failures.refused(f"{how}: the model refused")
        if end.code is not None and 128 < end.code < 160:
            # It catches signals and leaves with the shell's code for them.
            end = Exit(signal=end.code - 128)
        if end.code == 0 and trouble is None:
            return failures.incomplete(f"{how} without a result that says it succeeded")
        return failures.of_trouble("claude", trouble, end, words, _LOGIN)


def _retrying(event: Mapping[str, object]) -> Activity:
    attempt = fields.count(event, "attempt")
    most = fields.count(event, "max_retries")
    status = fields.count(event, "error_status")
    what = "did not answer" if status is None else f"answered {status}"
    return notice(f"the provider {what} ({fields.text(event, 'error')}); retry {attempt} of {most}")


def _content(block: Mapping[str, object]) -> str:
    content = block.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(fields.text(part, "text") for part in fields.mappings(block, "content"))


def _usage(event: Mapping[str, object]) -> Usage:
    # `usage` is zero after a silent change to non-streaming, and covers the newest result only;
    # `modelUsage` has been right in every case, side calls included.
    models: list[Mapping[str, object]] = [
        model for model in fields.mapping(event, "modelUsage").values() if isinstance(model, dict)
    ]
    if models:
        names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
    else:
        models = [fields.mapping(event, "usage")]
        names = (
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        )
    fresh, read, created, output = (_total(models, name) for name in names)
    parts = [part for part in (fresh, read, created) if part is not None]
    return Usage(
        input_tokens=sum(parts) if parts else None,
        cached_input_tokens=read,
        output_tokens=output,
        cost_usd=fields.number(event, "total_cost_usd"),
    )


def _total(models: Sequence[Mapping[str, object]], name: str) -> int | None:
    counts = [found for model in models if (found := fields.count(model, name)) is not None]
    return sum(counts) if counts else None
