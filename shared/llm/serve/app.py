"""The routes: OpenAI's models, completions and chat completions; health, metrics, and the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from shared.llm.serve.errors import ApiError, from_validation
from shared.llm.serve.events import DONE, EventStream, event, unless_left
from shared.llm.serve.gate import Gate
from shared.llm.serve.metrics import Metrics
from shared.llm.serve.page import page
from shared.llm.serve.replies import Reply, joined
from shared.llm.serve.schemas import ChatRequest, CompletionRequest
from shared.llm.serve.service import Service
from shared.llm.serve.sources import last_question
from shared.llm.serve.texts import Text

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_SAYS = {
    400: "The request is wrong; the message says where.",
    401: "The token is missing or wrong.",
    403: "Asked by a page of another site, or under another name.",
    404: "There is no such model.",
    413: "The body is too large.",
    429: "Too many texts wait; Retry-After says when to come again.",
    503: "The server is shutting down, or its model has failed.",
    504: "The answer was not done in time.",
}


def create_app(
    service: Service, token: str | None = None, hosts: frozenset[str] | None = None
) -> FastAPI:
    """The application. token, hosts: as in `Gate`."""
    metrics = Metrics()
    service.engine.on_first_token = metrics.waited

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    # No pages of documentation: they fetch their scripts from elsewhere.
    app = FastAPI(title="Bumblebee", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.metrics = metrics
    app.add_middleware(Gate, limits=service.limits, token=token, hosts=hosts)
    app.add_middleware(_Counted, metrics=metrics)
    _answer_errors(app)

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return page()

    @app.get("/health", responses=_errors(503))
    async def health() -> Response:
        """Whether texts are written."""
        if not service.engine.running:
            raise ApiError(503, "The engine does not run; the log says why.", "unavailable")
        return JSONResponse({"status": "ok", "model": service.name})

    @app.get("/metrics", responses=_errors(401, 403), response_class=PlainTextResponse)
    async def numbers() -> Response:
        """For Prometheus."""
        text = metrics.text(service.engine)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    @app.get("/v1/models", responses=_errors(401, 403))
    async def models() -> dict[str, Any]:
        """The models that are here: one."""
        return {"object": "list", "data": [_card(service)]}

    @app.get("/v1/models/{name:path}", responses=_errors(401, 403, 404))
    async def model(name: str) -> dict[str, Any]:
        """The model of this name."""
        service.check_model(name)
        return _card(service)

    @app.post("/v1/completions", responses=_errors(*_SAYS), response_model=None)
    async def completions(asked: CompletionRequest, request: Request) -> Response:
        """Goes on from a prompt."""
        service.check_model(asked.model)
        texts = await asyncio.to_thread(service.of_completion, asked)  # a long prompt takes long
        reply = Reply(service.name, service.tokenizer, False, asked.logprobs is not None)
        return await _answered(service, asked, request, texts, reply)

    @app.post("/v1/chat/completions", responses=_errors(*_SAYS), response_model=None)
    async def chat_completions(asked: ChatRequest, request: Request) -> Response:
        """Answers in a chat."""
        service.check_model(asked.model)
        messages = [message.plain() for message in asked.messages]
        more = {}
        if asked.sources:
            if service.finder is None:
                message = "This server has no index to answer from: start it with --index."
                raise ApiError(400, message, "no_index", "sources")
            sources = await asyncio.to_thread(service.finder, last_question(messages))
            messages, read = await asyncio.to_thread(service.with_sources, messages, sources)
            shown = [{**one.shown(), "read": place < read} for place, one in enumerate(sources)]
            more = {"sources": shown}
        texts = await asyncio.to_thread(service.of_chat, asked, messages)
        strip = service.chat.name == "transcript"
        reply = Reply(service.name, service.tokenizer, True, bool(asked.logprobs), strip)
        return await _answered(service, asked, request, texts, reply, **more)

    app.openapi = lambda: _described(app)
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The description of the API, without the errors that FastAPI would send and we do not."""
    if app.openapi_schema is None:
        spec = get_openapi(title=app.title, version="1", routes=app.routes)
        for ways in spec["paths"].values():
            for way in ways.values():
                way["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            spec.get("components", {}).get("schemas", {}).pop(name, None)
        app.openapi_schema = spec
    return app.openapi_schema


async def _answered(
    service: Service, asked: Any, request: Request, texts: list[Text], reply: Reply, **more: Any
) -> Response:
    """The texts, whole or as they come. more: fields of ours, e.g. sources; in a stream the first event has them."""
    if asked.stream:
        events = _events(service, asked, texts, reply, more)
        # Up to here a refusal has its own status; in a stream it would come after "200 OK".
        first = await anext(events)
        return EventStream(_with_first(first, events), service.limits.max_idle)
    if asked.stream_options is not None:
        message = "stream_options is given; then stream must be true."
        raise ApiError(400, message, "invalid_value", "stream_options")

    async def write() -> dict[str, Any]:
        pieces: list[list[Any]] = [[] for _ in texts]
        async with service.write(texts) as writing:
            async for arrived in writing.pieces():
                for number, piece in arrived:
                    pieces[number].append(piece)
        return reply.whole(texts, [joined(some) for some in pieces], **more)

    return JSONResponse(await unless_left(request, write))


async def _events(
    service: Service, asked: Any, texts: list[Text], reply: Reply, more: dict[str, Any]
) -> AsyncIterator[bytes]:
    usage = asked.stream_options is not None and asked.stream_options.include_usage
    empty = {"usage": None} if usage else {}
    async with service.write(texts) as writing:
        opening = b"".join(
            event({**reply.opening(number), **empty, **(more if number == 0 else {})})
            for number in range(len(texts) if reply.chat else 0)
        )
        yield opening
        async for arrived in writing.pieces():
            body = [
                event({**reply.chunk(number, piece), **empty})
                for number, piece in arrived
                if piece.text or piece.reason or (reply.likely and piece.tokens)
            ]
            if body:
                yield b"".join(body)
    if usage:
        yield event(reply.last(texts))
    yield DONE


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if first:
            yield first
        async for some in rest:
            yield some
    finally:
        await rest.aclose()


def _card(service: Service) -> dict[str, Any]:
    return {
        "id": service.name,
        "object": "model",
        "created": service.created,
        "owned_by": "you",
        "context": service.engine.context,
        "chat": service.chat.name,
        "index": service.finder is not None,
    }


def _errors(*statuses: int) -> dict[int | str, Any]:
    content = {"application/json": {"schema": _ERROR}}
    return {status: {"description": _SAYS[status], "content": content} for status in statuses}


def _answer_errors(app: FastAPI) -> None:
    """All that can go wrong gets OpenAI's form."""

    @app.exception_handler(ApiError)
    async def known(request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return from_validation(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def of_framework(request: Request, error: HTTPException) -> Response:
        message = {
            404: f"There is nothing at {request.url.path[:100]}.",
            405: f"{request.method} is not for {request.url.path[:100]}.",
        }.get(error.status_code, f"{error.detail}.")
        return ApiError(error.status_code, message, headers=error.headers).response()

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        return ApiError(500, "The server has failed; its log says why.").response()


class _Counted:
    """Tells the metrics each answer's status, under the name of its route: paths that people invent are one."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_on(message: Any) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"] if scope["path"] in _KNOWN else "other"
                self.metrics.answered(path, message["status"])
            await send(message)

        await self.app(scope, receive, send_on)


_KNOWN = {"/", "/health", "/metrics", "/v1/models", "/v1/completions", "/v1/chat/completions"}
