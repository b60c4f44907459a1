"""A server that runs beside other work, as a notebook needs it: started on a free port, asked, and stopped again.

with in_background(service) as address:
    …                              # http://127.0.0.1:PORT, the chat page and the API
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from shared.llm.serve import running
from shared.llm.serve.service import Service

SECONDS_TO_START = 30.0


class Background:
    """A server in a thread of its own. address: where it is served; `close()` stops it, also a second time.

    Raises ValueError where the address is taken, RuntimeError where the server doesn't start.
    """

    def __init__(self, service: Service, host: str = "127.0.0.1", port: int = 0) -> None:
        self._place = running.bound(host, port)
        self._server = running.server(service, host=host)
        self.address = f"http://{host}:{self._place.getsockname()[1]}"
        sockets = {"sockets": [self._place]}
        self._thread = threading.Thread(target=self._server.run, kwargs=sockets, daemon=True)
        self._thread.start()
        until = time.monotonic() + SECONDS_TO_START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                self.close()
                raise RuntimeError(f"the server at {self.address} did not start.")
            time.sleep(0.02)

    @property
    def runs(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Lets answers that are being written end, for some seconds, and stops."""
        self._server.should_exit = True
        self._thread.join(running.SECONDS_TO_FINISH + 5)
        self._place.close()


@contextlib.contextmanager
def in_background(service: Service, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves while the block runs; gives the address."""
    server = Background(service, host, port)
    try:
        yield server.address
    finally:
        server.close()
