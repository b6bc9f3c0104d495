"""A small HTTP server that judges as a test wants it to."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Says = Callable[[str, str], Any]
"""Reference, candidate -> probability of yes, a text without probabilities, or a status that is no success."""


@dataclass
class Asked:
    url: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)


def read_claim(body: dict[str, Any]) -> tuple[str, str]:
    """Return reference and candidate of a judge's request."""
    text = body["messages"][-1]["content"]
    found = {name: json.loads(value) for name, value in re.findall(r"^====\S+ (\w+)\n(.*)$", text, re.MULTILINE)[:-1]}
    return found["reference"], found["candidate"]


def reply(said: Any) -> dict[str, Any]:
    if isinstance(said, str):
        return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}]}
    tops = [
        {"token": word, "logprob": math.log(max(p, 1e-9)), "bytes": None}
        for word, p in (("yes", said), ("No", 1 - said))
    ]
    place = {**tops[0], "top_logprobs": tops}
    text = "yes" if said >= 0.5 else "no"
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"choices": [{**choice, "logprobs": {"content": [place], "refusal": None}}]}


@contextmanager
def judge_server(says: Says) -> Iterator[Asked]:
    """Serve on loopback."""
    asked, lock = Asked(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            pair = read_claim(body)
            with lock:
                asked.pairs.append(pair)
                asked.bodies.append(body)
            said = says(*pair)
            status = said if isinstance(said, int) and said >= 400 else 200
            plain = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
            body_out = {"error": {"message": "no"}} if status != 200 else {**plain, **reply(said)}
            data = json.dumps(body_out).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    asked.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def gullible(reference: str, candidate: str) -> float:  # noqa: ARG001
    """Say yes to everything."""
    return 0.97


def sensible(reference: str, candidate: str) -> float:
    """Compare words, whatever their case, articles left out."""
    words = [[word for word in text.casefold().split() if word not in ("a", "the")] for text in (reference, candidate)]
    return 0.9 if words[0] == words[1] else 0.1
