"""The fields of a request, as OpenAI's API names them, and what they may be. The rest of pydantic's work is to refuse.

A field that this server would have to ignore is refused, so that nobody takes its absence for its effect; only what
says nothing about the text (user, metadata, store) may be there for nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

StopString = Annotated[str, Field(min_length=1, max_length=200)]
Token = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = Field(False, description="also send, last, how many tokens it took")


class Request(BaseModel):
    """What both kinds of requests have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(
        None, description="as /v1/models names it; None: the one that is here"
    )
    max_tokens: int | None = Field(None, ge=0, le=1 << 31, description="tokens to write, at most")
    temperature: Number = Field(1.0, ge=0, le=2, description="0: always the likeliest token")
    top_p: Number = Field(1.0, gt=0, le=1)
    n: int = Field(1, ge=1, le=1 << 16, description="texts to write for each prompt")
    stop: StopString | Annotated[list[StopString], Field(max_length=4)] | None = Field(
        None, description="strings at which the text ends, themselves not part of it"
    )
    seed: int | None = Field(
        None, ge=-(1 << 63), lt=1 << 63, description="the same seed, the same text; None: chance"
    )
    stream: bool = Field(False, description="piece by piece, as server-sent events")
    stream_options: StreamOptions | None = None
    # Not OpenAI's, but of this course's `Sampling`.
    top_k: int | None = Field(None, ge=1, le=1 << 31)
    min_p: Number = Field(0.0, ge=0, le=1)
    repetition_penalty: Number = Field(1.0, gt=0, le=10)
    # Of the values that clients send along, only those that ask for nothing.
    frequency_penalty: Number | None = Field(None, ge=0, le=0)
    presence_penalty: Number | None = Field(None, ge=0, le=0)
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None

    @field_validator("n", "temperature", "top_p", "stream", mode="before")
    @classmethod
    def _default_for_null(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value

    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class CompletionRequest(Request):
    """Go on from a text."""

    prompt: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=1024)]
        | Annotated[list[Token], Field(min_length=1)]
        | Annotated[list[list[Token]], Field(min_length=1, max_length=1024)]
    ) = Field(description="a text, several, or the same as tokens")
    logprobs: int | None = Field(
        None, ge=0, le=5, description="log-probabilities, also of so many likeliest tokens"
    )
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    best_of: Literal[1] | None = None


class ContentPart(BaseModel):
    model_config = ConfigDict(strict=True)

    type: Literal["text"] = Field(description="this model reads text only")
    text: str


class ChatMessage(BaseModel):
    model_config = ConfigDict(strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] = Field(description="what was said")

    def plain(self) -> dict[str, str]:
        content = self.content
        if not isinstance(content, str):
            content = "".join(part.text for part in content)
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": content}


class ChatRequest(Request):
    """Answer in a chat."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=4096)]
    max_completion_tokens: int | None = Field(None, ge=0, le=1 << 31, description="max_tokens")
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    sources: bool = Field(
        False, description="answer from the index, and say from which passages (not OpenAI's)"
    )
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    response_format: dict[Literal["type"], Literal["text"]] | None = None
