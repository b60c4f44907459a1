"""Runs the application on an address, until it is told to stop."""

from __future__ import annotations

import ipaddress
import os
import socket

import uvicorn

from shared.llm.serve.app import create_app
from shared.llm.serve.service import Service

SECONDS_TO_FINISH = 5  # for answers that are being written when the server is stopped


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on the address: who asks before the server runs waits for it, and is not turned away.

    Raises ValueError where the address is taken, or is none of this machine.
    """
    place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":  # there it means that two servers may have one port
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
        place.listen()
    except OverflowError:
        place.close()
        raise ValueError(f"port is {port}; it must be from 0 to 65535.") from None
    except OSError as error:
        place.close()
        raise ValueError(
            f"{host}:{port} can't be served at ({error.strerror or error}); choose another --port or --host."
        ) from None
    return place


def here(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server(service: Service, token: str | None = None, host: str = "127.0.0.1") -> uvicorn.Server:
    """To be run with `run(sockets=[bound(host, port)])`; ends when its `should_exit` is set, or by a signal."""
    # Without a token the names are what keeps pages of other sites out; with one it is the token.
    hosts = None
    if token is None and here(host):
        hosts = frozenset(["localhost", "127.0.0.1", "::1", host])
    config = uvicorn.Config(
        create_app(service, token, hosts),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        h11_max_incomplete_event_size=1 << 16,
    )
    return uvicorn.Server(config)
