"""Serves the scripted model API."""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.model_api import anthropic, gemini, openai
from tests.support.model_api.answer import Answer, Body, json_answer
from tests.support.script import ScriptError

REQUESTS_KEPT = 1000
LARGEST_BODY = 64 * 1024**2
# A client that sends half a request must not keep a thread for ever.
SOCKET_SECONDS = 900


@dataclass(frozen=True)
class Request:
    """One request as it came in. Header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Body


@dataclass
class ModelApi:
    """The model API while it runs.

    `think_seconds` may be changed at any time: each turn then takes so long. `requests` holds the
    last `REQUESTS_KEPT`, oldest first.
    """

    think_seconds: float = 0.0
    log: Path | None = None
    url: str = ""
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    closing: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def record(self, request: Request, status: int) -> None:
        self.requests.append(request)
        if self.log is None:
            return
        line = {
            "time": time.time(),
            "method": request.method,
            "path": request.path,
            "model": request.body.get("model", ""),
            "status": status,
        }
        with self._writing, self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@contextmanager
def serving_model_api(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    think_seconds: float = 0.0,
    log: Path | None = None,
) -> Iterator[ModelApi]:
    """Serves until the block is left; port 0 takes any that is free."""
    api = ModelApi(think_seconds=think_seconds, log=log)

    class Bound(_Handler):
        model_api = api

    with _Server((host, port), Bound) as server:
        api.url = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="model api")
        thread.start()
        try:
            yield api
        finally:
            api.closing.set()
            server.shutdown()
            thread.join()


def answer(path: str, body: Body) -> Answer:
    """The response to one POST, whichever protocol its path belongs to."""
    where = path.partition("?")[0].rstrip("/")
    if where.endswith("/messages/count_tokens"):
        return anthropic.count_tokens(body)
    if where.endswith(":countTokens"):
        return gemini.count_tokens(body)
    if where.endswith("/responses"):
        protocol = openai.answer, openai.refusal
    elif where.endswith("/messages"):
        protocol = anthropic.answer, anthropic.refusal
    elif where.endswith((":generateContent", ":streamGenerateContent")):
        stream = where.endswith(":streamGenerateContent")
        protocol = partial(gemini.answer, stream=stream), gemini.refusal
    else:
        return json_answer({"error": {"message": f"nothing is served at {where}"}}, status=404)
    reply, refusal = protocol
    try:
        return reply(body)
    except ScriptError as problem:
        return refusal(str(problem))


class _Server(ThreadingHTTPServer):
    # Threads that wait out a pause end by themselves once the API is closing.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_SECONDS
    model_api: ModelApi

    def do_HEAD(self) -> None:
        self._send(Answer(()))

    def do_GET(self) -> None:
        self._send(json_answer({"object": "list", "data": []}))

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if length > LARGEST_BODY:
            self.close_connection = True
            self._send(json_answer({"error": {"message": "the request is too large"}}, status=413))
            return
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            self._send(json_answer({"error": {"message": "the request is not JSON"}}, status=400))
            return
        reply = answer(self.path, body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.model_api.record(Request("POST", self.path, headers, body), reply.status)
        self._send(reply)

    def _send(self, reply: Answer) -> None:
        streamed = reply.content_type == "text/event-stream"
        pause = reply.pause + (self.model_api.think_seconds if self.command == "POST" else 0.0)
        try:
            if not streamed:
                self.model_api.closing.wait(pause)
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if streamed:
                # The headers go out before the pause: clients bound their wait for them tightly.
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.flush()
                self.model_api.closing.wait(pause)
                for part in reply.parts:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.send_header("content-length", str(sum(map(len, reply.parts))))
                self.end_headers()
                self.wfile.writelines(reply.parts)
        except ConnectionError:
            # A CLI that was stopped hangs up on its model; that is no fault of ours.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing on stderr: what matters goes to the log file."""
