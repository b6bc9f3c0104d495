"""A judge behind any OpenAI-compatible server."""

from __future__ import annotations

import os
import threading
from typing import Any
from urllib.parse import urlsplit

from mmrl.errors import DependencyError, InputError
from mmrl.judges.base import JudgeError, JudgeModel, JudgeSettings, Said
from mmrl.judges.verdict import read_verdict, yes_probability

TOKENS = 4
"""Of a reply: a word of one or two, and what may stand before it."""
TOP = 20
_FATAL = frozenset({401, 402, 403, 404})


class ServerJudge(JudgeModel):
    """Asks a server for one word, with the probabilities of its first tokens where the server gives them."""

    def __init__(self, settings: JudgeSettings) -> None:
        """Nothing is sent yet.

        Raises:
            InputError: the address cannot be one.
            DependencyError: the client is not installed.
        """
        assert settings.server is not None, "asked for where a server is named"
        parts = urlsplit(settings.server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError(
                "a judge's server must be like http://host:port/v1, without user or query; found another address; "
                "correct it"
            )
        try:
            import openai
        except ImportError:
            raise DependencyError(
                "a judge's server needs the package openai; found none; pip install 'mmrl[server]'"
            ) from None
        self.settings = settings
        self._openai, self._lock = openai, threading.Lock()
        self._client: Any = None
        self._key = os.environ.get(settings.api_key_env, "")
        self._takes_logprobs = True

    @property
    def identity(self) -> dict[str, Any]:
        """Address and name of the model."""
        return {"server": (self.settings.server or "").rstrip("/"), "model": self.settings.model}

    def ask(self, messages: list[dict[str, str]]) -> Said:
        """Return the verdict; a server that refuses to give probabilities is asked without them from then on."""
        if self._takes_logprobs:
            try:
                return read_completion(self._send(messages, logprobs=True, top_logprobs=TOP))
            except self._openai.BadRequestError:
                self._takes_logprobs = False
            except self._openai.OpenAIError as error:
                raise self._explained(error) from error
        try:
            return read_completion(self._send(messages))
        except self._openai.OpenAIError as error:
            raise self._explained(error) from error

    def _send(self, messages: list[dict[str, str]], **further: Any) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._openai.OpenAI(
                    base_url=self.settings.server,
                    api_key=self._key or "none",
                    timeout=self.settings.time_limit,
                    max_retries=self.settings.retries,
                )
        try:
            return self._client.chat.completions.create(
                model=self.settings.model, messages=messages, temperature=0.0, max_tokens=TOKENS, **further
            )
        except ValueError as error:  # a body that is no JSON
            raise JudgeError(f"must answer in JSON; found {error}") from None

    def _explained(self, error: Exception) -> Exception:
        status = getattr(error, "status_code", None)
        if status in _FATAL:
            return InputError(
                f"a judge's server must take requests; found status {status}; at {self.settings.server}; check the "
                f"address, the model {self.settings.model} and the key in {self.settings.api_key_env}"
            )
        text = f"{type(error).__name__}: {error}"[:200]
        return JudgeError(text.replace(self._key, "***") if self._key else text)


def read_completion(completion: Any) -> Said:
    """Return the verdict of a chat completion: from its first token with a word in it, or else from its text.

    Raises:
        JudgeError: it is none, or says neither yes nor no.
    """
    try:
        choice = completion.choices[0]
        text = choice.message.content
    except (AttributeError, TypeError, LookupError):
        raise JudgeError(f"must be a chat completion; found {str(completion)[:80]!r}") from None
    for place in getattr(getattr(choice, "logprobs", None), "content", None) or ():
        if place.token.strip():
            found = yes_probability((one.token, one.logprob) for one in place.top_logprobs or [place])
            if found is not None:
                return Said(yes=found, source="logprobs")
            break
    return read_verdict(text if isinstance(text, str) else "")
