"""What stands before the routes: who may ask, how large a request may be, and the headers of every answer."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.llm.serve.errors import ApiError
from shared.llm.serve.limits import Limits

OPEN_PATHS = ("/", "/health")  # the page holds no secret, and asks for the token itself
BODY_SECONDS = 30.0  # in which a request must have arrived
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Gate:
    """An ASGI application around another.

    token: what requests must carry as "Authorization: Bearer …"; None: nothing
    hosts: names by which the server may be called; None: any. A page from elsewhere whose name was turned to this
           address (DNS rebinding) calls it by its own.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        token: str | None = None,
        hosts: frozenset[str] | None = None,
    ) -> None:
        self.app, self.limits, self.token, self.hosts = app, limits, token, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_on(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [header for header in HEADERS.items() if header[0] not in own]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            self._admit(scope["path"], {k.lower(): v for k, v in scope["headers"]})
            receive = await self._whole_body(scope, receive)
        except ApiError as error:
            await error.response()(scope, receive, send_on)
        except _Gone:
            pass
        else:
            await self.app(scope, receive, send_on)

    def _admit(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1")
        if self.hosts is not None and _name(host) not in self.hosts:
            raise ApiError(403, f"This server is not called {host[:100]!r}.", "wrong_host")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            message = "Pages of other sites may not ask this server."
            raise ApiError(403, message, "wrong_origin")
        if self.token is not None and path not in OPEN_PATHS:
            said = headers.get(b"authorization", b"")
            expected = f"Bearer {self.token}".encode()
            if not hmac.compare_digest(said, expected):
                message = "This server asks for its token: Authorization: Bearer <token>."
                if said:
                    message = "The token is not this server's."
                raise ApiError(
                    401, message, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"}
                )

    async def _whole_body(self, scope: Any, receive: Any) -> Any:
        """Reads the body, and returns a `receive` that gives it again. Too much of it is thrown away as it comes."""
        most, body, size = self.limits.max_body, [], 0

        async def read() -> None:
            nonlocal size
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                size += len(message.get("body", b""))
                if size <= most:
                    body.append(message.get("body", b""))
                elif size > 64 * most:
                    return  # nobody needs to be polite to this one
                else:
                    body.clear()
                more = message.get("more_body", False)

        try:
            await asyncio.wait_for(read(), BODY_SECONDS)
        except asyncio.TimeoutError:
            message = f"The request did not arrive within {BODY_SECONDS:.0f} s."
            raise ApiError(408, message, "timeout", headers={"Connection": "close"}) from None
        if size > most:
            raise ApiError(
                413,
                f"The body has more than {most:,} bytes, which is the most that this server takes.",
                "request_too_large",
                headers={"Connection": "close"} if size > 64 * most else None,
            )
        given = False

        async def again() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": b"".join(body), "more_body": False}

        return again


class _Gone(Exception):
    """The client left while it still sent."""


def _name(host: str) -> str:
    """localhost:8000 → localhost, [::1]:8000 → ::1"""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
