"""The Anthropic Messages protocol, as the Claude CLI speaks it."""

import json
import re
from itertools import count

from tests.support.model_api import turns
from tests.support.model_api.answer import Answer, Body, event_answer, json_answer
from tests.support.model_api.turns import Turn
from tests.support.script import Directive, says_something

_CALL_ID = re.compile(r"toolu_(\d+)(?:_(read|again))?$")
_UNREAD = "has not been read yet"
# The limit of the Bash tool; without one it ends a command after two minutes.
_BASH_MS = 600_000
_serial = count(1)

_ERRORS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def answer(body: Body) -> Answer:
    """The reply to one `POST /v1/messages`."""
    messages: list[Body] = body.get("messages", [])
    start, prompt = _prompt(messages)
    if not body.get("tools"):
        # A side call, for a title say, that may quote the prompt but cannot act on it.
        return _reply(body, [_text_block("Scripted.")], "end_turn")
    results = [
        block
        for message in messages[start:]
        for block in _blocks(message)
        if block.get("type") == "tool_result"
    ]
    index, detour = _progress(results)
    turn = turns.turn_at(prompt, index)
    if turn.act is not None and turn.act.verb == "fail":
        return _failure(turn)
    if turn.act is not None and turn.act.verb == "refuse":
        return _reply(body, [], "refusal", turn.pause)
    content: list[Body] = []
    if turn.thought and not detour:
        content.append({"type": "thinking", "thinking": turn.thought, "signature": "scripted"})
    if turn.said and not detour:
        content.append(_text_block(turn.said))
    if turn.act is None:
        return _reply(body, content, "end_turn", turn.pause)
    call_id = f"toolu_{index}" + (f"_{detour}" if detour else "")
    name, arguments = _tool(turn.act._replace(verb="read") if detour == "read" else turn.act)
    content.append({"type": "tool_use", "id": call_id, "name": name, "input": arguments})
    return _reply(body, content, "tool_use", 0.0 if detour else turn.pause)


def count_tokens(_: Body) -> Answer:
    """The reply to one `POST /v1/messages/count_tokens`."""
    return json_answer({"input_tokens": turns.INPUT_TOKENS})


def refusal(message: str) -> Answer:
    """The reply to a request that makes no sense."""
    error = {"type": "invalid_request_error", "message": message}
    return json_answer({"type": "error", "error": error}, status=400)


def _prompt(messages: list[Body]) -> tuple[int, str]:
    """Where the last scripted prompt is and what it says; without one, the start and nothing.

    The CLI puts reminders of its own beside the prompt, which may list skills that hold anything.
    """
    for position in range(len(messages) - 1, -1, -1):
        if messages[position].get("role") != "user":
            continue
        for block in reversed(_blocks(messages[position])):
            text = str(block.get("text", ""))
            if not text.startswith("<system-reminder>") and says_something(text):
                return position, text
    return 0, ""


def _blocks(message: Body) -> list[Body]:
    content = message.get("content", "")
    return [_text_block(content)] if isinstance(content, str) else list(content)


def _text_block(text: str) -> Body:
    return {"type": "text", "text": text}


def _progress(results: list[Body]) -> tuple[int, str]:
    """Which turn is next, with the detour it needs: the Write tool wants an old file read first."""
    if not results:
        return 0, ""
    last = results[-1]
    call = _CALL_ID.match(str(last.get("tool_use_id")))
    if call is None:
        return len(results), ""
    if call[2] == "read":
        return int(call[1]), "again"
    if not call[2] and last.get("is_error") and _UNREAD in json.dumps(last.get("content")):
        return int(call[1]), "read"
    return int(call[1]) + 1, ""


def _tool(act: Directive) -> tuple[str, Body]:
    match act.verb:
        case "write":
            return "Write", {"file_path": act.path, "content": act.text}
        case "read":
            return "Read", {"file_path": act.path}
        case "skill":
            return "Skill", {"skill": act.text}
        case _:
            command = turns.as_shell(act)
            return "Bash", {"command": command, "description": act.verb, "timeout": _BASH_MS}


def _reply(body: Body, content: list[Body], stop_reason: str, pause: float = 0.0) -> Answer:
    message: Body = {
        "id": f"msg_{next(_serial)}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", ""),
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": turns.INPUT_TOKENS - turns.CACHED_TOKENS,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": turns.CACHED_TOKENS,
            "output_tokens": turns.OUTPUT_TOKENS,
        },
    }
    if not body.get("stream"):
        return json_answer(message, pause=pause)
    usage = {**message["usage"], "output_tokens": 1}
    begun = {**message, "content": [], "stop_reason": None, "usage": usage}
    events: list[Body] = [{"type": "message_start", "message": begun}]
    for position, block in enumerate(content):
        empty, deltas = _stream(block)
        events.append({"type": "content_block_start", "index": position, "content_block": empty})
        events += [
            {"type": "content_block_delta", "index": position, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": position})
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": message["usage"]})
    events.append({"type": "message_stop"})
    return event_answer(events, named=True, pause=pause)


def _stream(block: Body) -> tuple[Body, list[Body]]:
    """A block as it starts, and the deltas that fill it."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            return {**block, "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            arguments = json.dumps(block["input"])
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": arguments}]


def _failure(turn: Turn) -> Answer:
    assert turn.act is not None
    status = int(turn.act.number)
    kind = _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    error = {"type": kind, "message": "The script says to fail."}
    return json_answer(
        {"type": "error", "error": error},
        status=status,
        pause=turn.pause,
        retry_after=turn.act.text,
    )
