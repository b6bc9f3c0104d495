"""What stands where vLLM is not installed: an engine and a server that note what they are asked and answer by rote."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from trl.generation import vllm_client, vllm_generation

LENGTHS = (5, 2, 7, 1)


def completion(row: int) -> tuple[list[int], list[float]]:
    """Return tokens that any tokenizer of the zoo has, ended by none, and made-up log-probabilities."""
    ids = [20 + (7 * row + 3 * place) % 200 for place in range(LENGTHS[row % len(LENGTHS)])]
    return ids, [-3.0 - 0.9 * ((row + place) % 4) for place in range(len(ids))]


class Engine:
    """Takes the place of ``vllm.LLM``: notes prompts, sampling options and the names of weights."""

    last: Engine

    def __init__(self, model: str, **options: Any) -> None:
        self.path, self.options = model, options
        self.prompts: list[list[dict[str, Any]]] = []
        self.sampling: list[dict[str, Any]] = []
        self.weights: list[str] = []
        runner = SimpleNamespace(model=SimpleNamespace(load_weights=self._load))
        worker = SimpleNamespace(model_runner=runner)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=worker))
        Engine.last = self

    def _load(self, weights: list[tuple[str, Any]]) -> None:
        self.weights += [name for name, _ in weights]

    def reset_prefix_cache(self) -> None:
        """Nothing is kept."""

    def generate(self, prompts: list[dict[str, Any]], sampling_params: dict[str, Any], use_tqdm: bool) -> list[Any]:
        assert not use_tqdm
        self.prompts.append(prompts)
        self.sampling.append(sampling_params)
        return [self._output(row, prompt) for row, prompt in enumerate(prompts)]

    def _output(self, row: int, prompt: dict[str, Any]) -> Any:
        ids, values = completion(row)
        found = [{token: SimpleNamespace(logprob=value, rank=1)} for token, value in zip(ids, values, strict=True)]
        return SimpleNamespace(
            prompt_token_ids=prompt["prompt_token_ids"], outputs=[SimpleNamespace(token_ids=ids, logprobs=found)]
        )


def put_in_place(patch: pytest.MonkeyPatch) -> None:
    """Let TRL believe that vLLM is there; weights do not travel to a server, for which it needs GPUs."""
    # TRL sets the variables of distributed training for vLLM; the next trainer of this process would believe them.
    patch.setattr(vllm_generation, "os", SimpleNamespace(environ={}))
    patch.setattr(vllm_generation, "ensure_master_addr_port", lambda: None)
    patch.setattr(vllm_generation, "is_vllm_available", lambda *_: True)
    patch.setattr(vllm_client, "is_vllm_available", lambda *_: True)
    patch.setattr(vllm_generation, "LLM", Engine, raising=False)
    patch.setattr(vllm_generation, "SamplingParams", dict, raising=False)
    patch.setattr(vllm_client.VLLMClient, "init_communicator", lambda *_, **__: None)
    patch.setattr(vllm_client.VLLMClient, "update_named_params", lambda *_, **__: None)


# ------------------------------------------------------------------------------------------ a server


class Handler(BaseHTTPRequestHandler):
    """The endpoints that TRL's client uses."""

    server: Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        known: dict[str, dict[str, Any]] = {
            "/health": {},
            "/v1/models": {"data": [{"id": "tiny"}]},
            "/server_info": {"vllm_config": {"model_config": {"logprobs_mode": "processed_logprobs"}}},
        }
        self._answer(known.get(self.path.split("?")[0]))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        with self.server.lock:
            self.server.requests.append((self.path, body))
            answers = {
                "/v1/chat/completions/render": self._render,
                "/inference/v1/generate": self._generate,
                "/v1/completions": self._complete,
                "/reset_prefix_cache": lambda _: {"success": True},
            }
            known = answers.get(self.path)
            self._answer(known(body) if known else None)

    def _render(self, body: dict[str, Any]) -> dict[str, Any]:
        """Open every picture; where they stand in this conversation is not where they stand in the prompt."""
        sizes = []
        for part in body["messages"][0]["content"]:
            data = base64.b64decode(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
            sizes.append(Image.open(io.BytesIO(data)).size)
        self.server.pictures.append(sizes)
        places = [{"offset": 1000 + index, "length": 1} for index in range(len(sizes))]
        return {
            "features": {"mm_hashes": {"image": [str(size) for size in sizes]}, "mm_placeholders": {"image": places}}
        }

    def _generate(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"choices": [self._choice(row) for row in range(body["sampling_params"]["n"])]}

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        choices = []
        for prompt in body["prompt"]:
            for row in range(body["n"]):
                ids, values = completion(row)
                names = [f"token_id:{token}" for token in ids]
                logprobs = {"tokens": names, "token_logprobs": values, "top_logprobs": [None] * len(ids)}
                choices.append({"prompt_token_ids": prompt, "token_ids": ids, "logprobs": logprobs})
        return {"choices": choices}

    def _choice(self, row: int) -> dict[str, Any]:
        ids, values = completion(row)
        content = [
            {"token": f"token_id:{token}", "logprob": value, "top_logprobs": []}
            for token, value in zip(ids, values, strict=True)
        ]
        return {"token_ids": ids, "logprobs": {"content": content}}

    def _answer(self, body: dict[str, Any] | None) -> None:
        data = json.dumps({} if body is None else body).encode()
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """A server on a free port that keeps its requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.pictures: list[list[tuple[int, int]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """Return what was sent to an endpoint."""
        return [body for one, body in self.requests if one == path]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
