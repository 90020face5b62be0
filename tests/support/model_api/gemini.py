"""The Gemini generateContent protocol, as the Gemini CLI speaks it."""

import json

from tests.support.model_api import turns
from tests.support.model_api.answer import Answer, Body, event_answer, json_answer
from tests.support.model_api.turns import Turn
from tests.support.script import Directive, says_something

_ERRORS = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def answer(body: Body, *, stream: bool) -> Answer:
    """The reply to one `:generateContent`, or `:streamGenerateContent` when `stream`."""
    if not body.get("tools"):
        # A side call that chooses a model or looks for loops; it may quote the prompt.
        return _reply([{"text": json.dumps(_sample(_schema(body)))}], "STOP", stream=stream)
    contents: list[Body] = body.get("contents", [])
    start, prompt = _prompt(contents)
    done = sum(
        1
        for content in contents[start:]
        for part in content.get("parts", [])
        if "functionResponse" in part
    )
    turn = turns.turn_at(prompt, done)
    if turn.act is not None and turn.act.verb == "fail":
        return _failure(turn)
    if turn.act is not None and turn.act.verb == "refuse":
        return _reply([], "SAFETY", stream=stream, pause=turn.pause)
    parts: list[Body] = []
    if turn.thought:
        parts.append({"text": turn.thought, "thought": True})
    if turn.said:
        parts.append({"text": turn.said})
    if turn.act is not None:
        name, arguments = _tool(turn.act)
        parts.append({"functionCall": {"name": name, "args": arguments}})
    return _reply(parts, "STOP", stream=stream, pause=turn.pause)


def count_tokens(_: Body) -> Answer:
    """The reply to one `:countTokens`."""
    return json_answer({"totalTokens": turns.INPUT_TOKENS})


def refusal(message: str) -> Answer:
    """The reply to a request that makes no sense."""
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    return json_answer({"error": error}, status=400)


def _prompt(contents: list[Body]) -> tuple[int, str]:
    """Where the last scripted prompt is and what it says; without one, the start and nothing."""
    for position in range(len(contents) - 1, -1, -1):
        if contents[position].get("role") != "user":
            continue
        text = "\n".join(str(part.get("text", "")) for part in contents[position].get("parts", []))
        if says_something(text):
            return position, text
    return 0, ""


def _tool(act: Directive) -> tuple[str, Body]:
    match act.verb:
        case "write":
            return "write_file", {"file_path": act.path, "content": act.text}
        case "read":
            return "read_file", {"file_path": act.path}
        case "skill":
            return "activate_skill", {"name": act.text}
        case _:
            return "run_shell_command", {
                "command": turns.as_shell(act),
                "description": act.verb,
            }


def _schema(body: Body) -> Body:
    config = body.get("generationConfig", {})
    schema: Body = config.get("responseJsonSchema") or config.get("responseSchema") or {}
    return schema


def _sample(schema: Body) -> object:
    """A small value that a JSON schema allows."""
    if schema.get("enum"):
        return schema["enum"][0]
    match str(schema.get("type", "string")).lower():
        case "object":
            return {name: _sample(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case _:
            return "scripted"


def _reply(parts: list[Body], reason: str, *, stream: bool, pause: float = 0.0) -> Answer:
    response: Body = {
        "candidates": [
            {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": turns.INPUT_TOKENS,
            "cachedContentTokenCount": turns.CACHED_TOKENS,
            "candidatesTokenCount": turns.OUTPUT_TOKENS - turns.REASONING_TOKENS,
            "thoughtsTokenCount": turns.REASONING_TOKENS,
            "totalTokenCount": turns.INPUT_TOKENS + turns.OUTPUT_TOKENS,
        },
    }
    if stream:
        return event_answer([response], named=False, pause=pause)
    return json_answer(response, pause=pause)


def _failure(turn: Turn) -> Answer:
    assert turn.act is not None
    status = int(turn.act.number)
    error = {
        "code": status,
        "message": "The script says to fail.",
        "status": _ERRORS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"),
    }
    return json_answer({"error": error}, status=status, pause=turn.pause, retry_after=turn.act.text)
