"""Server-sent events: a stream of JSON objects, which notices when its reader is gone or stands still."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.llm.serve.errors import ApiError

SECONDS_OF_SILENCE = 15.0  # after which a comment shows that the connection lives
DONE = b"data: [DONE]\n\n"


def event(content: Any) -> bytes:
    # In ASCII: clients that end a line where Unicode does (httpx at U+0085, U+2028) would cut an event in two.
    return b"data: " + json.dumps(content).encode("ascii") + b"\n\n"


class EventStream(Response):
    """A response: events as they come. events: yields the bytes of some   patience: seconds that one write may take

    An ApiError on the way is sent as the last event. Where the reader goes away, or stands still for longer than the
    server's patience, `events` is closed, which calls off what was to be written.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], patience: float) -> None:
        # Proxies must not collect it. And a browser that stops reading would, to use the connection again, go on
        # reading for a while first: so that nobody writes for it meanwhile, the connection is not to be used again.
        super().__init__(headers={"x-accel-buffering": "no", "connection": "close"})
        del self.headers["content-length"]
        self.events, self.patience = events, patience

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Both are waited for at once: while a text waits in the queue, nothing is sent that could fail.
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
            await self.events.aclose()
        if not writing.cancelled() and writing.exception() is not None:
            if not isinstance(writing.exception(), (OSError, asyncio.TimeoutError)):
                raise writing.exception()

    async def _write(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        upcoming = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(self.events, None))
                await asyncio.wait((upcoming,), timeout=SECONDS_OF_SILENCE)
                if upcoming.done():
                    try:
                        body = upcoming.result()
                    except ApiError as error:
                        await self._send(send, event(error.body()))
                        break
                    upcoming = None
                    if body is None:
                        break
                else:
                    body = b": waiting\n\n"
                await self._send(send, body)
            await self._send(send, b"", last=True)
        finally:
            if upcoming is not None:
                upcoming.cancel()
                with contextlib.suppress(asyncio.CancelledError, ApiError, StopAsyncIteration):
                    await upcoming

    async def _send(self, send: Any, body: bytes, last: bool = False) -> None:
        message = {"type": "http.response.body", "body": body, "more_body": not last}
        await asyncio.wait_for(send(message), self.patience)


async def unless_left(request: Request, work: Callable[[], Awaitable[Any]]) -> Any:
    """The result of the work, which is called off when the client goes away; then None."""
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
