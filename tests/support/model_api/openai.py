"""The OpenAI Responses protocol, as the Codex CLI speaks it."""

import json
import re
from itertools import count
from typing import Any

from tests.support.model_api import turns
from tests.support.model_api.answer import Answer, Body, event_answer, json_answer
from tests.support.model_api.turns import Turn
from tests.support.script import Directive, says_something

_CALL_ID = re.compile(r"call_(\d+)(?:_(\d+))?$")
# What `exec_command` answers while the command runs on; a real model asks again.
_RUNNING = re.compile(r"Process running with session ID (\d+)")
_POLL_MS = 30_000
# In code mode, a script that takes longer would be left behind like a command.
_CODE_PRAGMA = f'// @exec: {{"yield_time_ms": {turns.COMMAND_SECONDS * 1000}}}'
_serial = count(1)

_ERRORS = {401: "invalid_api_key", 429: "rate_limit_exceeded", 404: "model_not_found"}


def answer(body: Body) -> Answer:
    """The reply to one `POST /v1/responses`."""
    items: list[Body] = body.get("input", [])
    start, prompt = _prompt(items)
    outputs = [item for item in items[start:] if str(item.get("type")).endswith("call_output")]
    index, poll = _progress(outputs)
    if poll is not None:
        return _reply(body, [poll])
    turn = turns.turn_at(prompt, index)
    if turn.act is not None and turn.act.verb == "fail":
        return _failure(turn)
    return _reply(body, _output(body, items, turn, index), turn.pause)


def refusal(message: str) -> Answer:
    """The reply to a request that makes no sense."""
    return json_answer({"error": {"message": message, "type": "invalid_request_error"}}, status=400)


def _prompt(items: list[Body]) -> tuple[int, str]:
    """Where the last scripted prompt is and what it says; without one, the start and nothing."""
    for position in range(len(items) - 1, -1, -1):
        item = items[position]
        if item.get("role") == "user":
            text = _text(item.get("content", ""))
            if says_something(text):
                return position, text
    return 0, ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _progress(outputs: list[Body]) -> tuple[int, Body | None]:
    """Which turn is next, or the call that goes on waiting for a command that still runs."""
    if not outputs:
        return 0, None
    last = outputs[-1]
    call = _CALL_ID.match(str(last.get("call_id")))
    if call is None:
        return len(outputs), None
    running = _RUNNING.search(_text(last.get("output", "")))
    if running is None:
        return int(call[1]) + 1, None
    arguments = {"session_id": int(running[1]), "chars": "", "yield_time_ms": _POLL_MS}
    return int(call[1]), _function(
        "write_stdin", arguments, f"call_{call[1]}_{int(call[2] or 0) + 1}"
    )


def _output(body: Body, items: list[Body], turn: Turn, index: int) -> list[Body]:
    output: list[Body] = []
    if turn.thought:
        summary = [{"type": "summary_text", "text": turn.thought}]
        output.append({"type": "reasoning", "id": f"rs_{next(_serial)}", "summary": summary})
    if turn.act is not None and turn.act.verb == "refuse":
        return [*output, _message({"type": "refusal", "refusal": "The script says to refuse."})]
    if turn.said:
        output.append(_message({"type": "output_text", "text": turn.said, "annotations": []}))
    if turn.act is not None:
        output.append(_call(_offered(body, items), turn.act, f"call_{index}"))
    return output


def _offered(body: Body, items: list[Body]) -> set[str]:
    """Names of the tools in the request; the newest models get theirs in an input item."""
    tools = list(body.get("tools", []))
    for item in items:
        if item.get("type") == "additional_tools":
            tools += [tool for space in item["tools"] for tool in space.get("tools", [space])]
    return {str(tool.get("name")) for tool in tools}


def _call(offered: set[str], act: Directive, call_id: str) -> Body:
    patch = _patch(act) if act.verb == "write" else ""
    if "exec" in offered:
        return _custom("exec", _code(patch, act), call_id)
    if patch and "apply_patch" in offered:
        return _custom("apply_patch", patch, call_id)
    command = (
        f"apply_patch <<'END_OF_PATCH'\n{patch}\nEND_OF_PATCH" if patch else turns.as_shell(act)
    )
    return _function("exec_command", {"cmd": command, "yield_time_ms": _POLL_MS}, call_id)


def _patch(act: Directive) -> str:
    """A patch that adds the file; empty when a patch cannot say it, since its lines all end."""
    if not act.text.endswith("\n"):
        return ""
    lines = "".join(f"+{line}\n" for line in act.text.removesuffix("\n").split("\n"))
    return f"*** Begin Patch\n*** Add File: {act.path}\n{lines}*** End Patch"


def _code(patch: str, act: Directive) -> str:
    """The JavaScript by which a code mode model calls its tools."""
    if patch:
        return f"text(await tools.apply_patch({json.dumps(patch)}));"
    command = json.dumps({"cmd": turns.as_shell(act), "yield_time_ms": _POLL_MS})
    more = f'{{session_id: r.session_id, chars: "", yield_time_ms: {_POLL_MS}}}'
    return "\n".join(
        [
            _CODE_PRAGMA,
            f"let r = await tools.exec_command({command});",
            "let out = r.output;",
            "while (r.session_id !== undefined) {",
            f"  r = await tools.write_stdin({more});",
            "  out += r.output;",
            "}",
            "text(out);",
        ]
    )


def _function(name: str, arguments: Body, call_id: str) -> Body:
    return {
        "type": "function_call",
        "id": f"fc_{next(_serial)}",
        "call_id": call_id,
        "name": name,
        "arguments": json.dumps(arguments),
    }


def _custom(name: str, text: str, call_id: str) -> Body:
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{next(_serial)}",
        "call_id": call_id,
        "name": name,
        "input": text,
    }


def _message(part: Body) -> Body:
    return {
        "type": "message",
        "id": f"msg_{next(_serial)}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _reply(body: Body, output: list[Body], pause: float = 0.0) -> Answer:
    response: Body = {
        "id": f"resp_{next(_serial)}",
        "object": "response",
        "status": "completed",
        "model": body.get("model", ""),
        "output": output,
        "usage": {
            "input_tokens": turns.INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": turns.CACHED_TOKENS},
            "output_tokens": turns.OUTPUT_TOKENS,
            "output_tokens_details": {"reasoning_tokens": turns.REASONING_TOKENS},
            "total_tokens": turns.INPUT_TOKENS + turns.OUTPUT_TOKENS,
        },
    }
    if not body.get("stream"):
        return json_answer(response, pause=pause)
    started = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[Body] = [{"type": "response.created", "response": started}]
    for position, item in enumerate(output):
        events.append(
            {"type": "response.output_item.added", "output_index": position, "item": item}
        )
        events.extend(
            {
                "type": "response.output_text.delta",
                "item_id": item["id"],
                "output_index": position,
                "content_index": 0,
                "delta": part["text"],
            }
            for part in item.get("content", [])
            if part["type"] == "output_text"
        )
        events.append({"type": "response.output_item.done", "output_index": position, "item": item})
    events.append({"type": "response.completed", "response": response})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return event_answer(numbered, named=True, pause=pause)


def _failure(turn: Turn) -> Answer:
    assert turn.act is not None
    status = int(turn.act.number)
    kind = _ERRORS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = {"message": "The script says to fail.", "type": kind, "code": kind}
    return json_answer({"error": error}, status=status, pause=turn.pause, retry_after=turn.act.text)
