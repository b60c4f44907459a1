"""Models to talk to, in OpenAI's form: one of ours in this process, or any behind an API like OpenAI's. Week 9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.llm import chat
from shared.llm.agents import tool_calls
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing.generate import Sampling, generate_tokens

Messages = Sequence[Mapping[str, Any]]


class LocalChat:
    """A model of ours that knows ChatML. chat(messages, tools, max_tokens) → message, with its usage."""

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, sampling: Sampling | None = None
    ) -> None:
        chat.check_marks(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.sampling = sampling or Sampling(temperature=0)

    def chat(
        self, messages: Messages, tools: Messages = (), max_tokens: int = 256
    ) -> dict[str, Any]:
        plain = tool_calls.as_text(messages, tools)
        prompt = chat.encode(plain, self.tokenizer, add_generation_prompt=True)
        end = self.tokenizer.special[chat.END]
        settings = replace(self.sampling, max_tokens=max_tokens)
        (written,) = generate_tokens(self.model, [prompt], settings, eos_id=end)
        text = self.tokenizer.decode(written.tokens)
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(written.tokens)}
        return {**tool_calls.from_text(text), "usage": usage}


class RemoteChat:
    """A model behind an address, e.g. of `bumblebee serve`: "http://127.0.0.1:8000/v1".

    native: whether the server takes `tools` itself; else they are told to the model in words, as in LocalChat
    chat(messages, tools, max_tokens) → message, with its usage. Raises ValueError with the server's sentence.
    """

    def __init__(
        self,
        address: str,
        model: str | None = None,
        token: str | None = None,
        native: bool = False,
        seconds: float = 300.0,
        **more: Any,
    ) -> None:
        self.address, self.token, self.native, self.seconds = (
            address.rstrip("/"),
            token,
            native,
            seconds,
        )
        self.more = {**({"model": model} if model else {}), **more}

    def chat(
        self, messages: Messages, tools: Messages = (), max_tokens: int = 256
    ) -> dict[str, Any]:
        import requests

        body: dict[str, Any] = {**self.more, "max_tokens": max_tokens}
        if self.native:
            body |= {"messages": list(messages), **({"tools": list(tools)} if tools else {})}
        else:
            body["messages"] = tool_calls.as_text(messages, tools)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = requests.post(
                f"{self.address}/chat/completions", json=body, headers=headers, timeout=self.seconds
            )
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ValueError(f"{self.address} gives no answer: {error}") from None
        if answer.status_code != 200:
            said = found.get("error", {}) if isinstance(found, dict) else {}
            raise ValueError(f"{self.address}: {said.get('message', answer.status_code)}")
        message = found["choices"][0]["message"]
        if not self.native:
            message = tool_calls.from_text(message["content"])
        return {**message, "usage": found.get("usage")}
