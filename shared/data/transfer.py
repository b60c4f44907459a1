"""Bringing one file from an address: pooch downloads, shows the progress and compares the checksum."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from shared.data.errors import DownloadError

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # between two pieces of a file, not for the whole of it
FORGET_SECONDS = 60.0  # how long a host that did not answer is not asked again

_silent_since: dict[tuple[str, int], tuple[float, str]] = {}


def check_reachable(url: str, seconds: float = CONNECT_SECONDS) -> None:
    """Raise a `DownloadError` unless the host of `url` answers within `seconds`, name look-up included.

    Behind a proxy (HTTP_PROXY, HTTPS_PROXY) it is the proxy that is asked. Neither urllib nor requests bounds the
    look-up of a name, which can take half a minute without network, so it happens in a thread that is left behind.
    """
    host, port = _whom_to_ask(url)
    since, why = _silent_since.get((host, port), (-FORGET_SECONDS, ""))
    if time.monotonic() - since < FORGET_SECONDS:
        raise DownloadError(why)
    outcome: list[str] = []

    def ask() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            outcome.append("")
        except OSError as error:
            outcome.append(f"{host} could not be reached ({error.strerror or error})")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    why = outcome[0] if outcome else f"{host} did not answer within {seconds:g} s"
    if why:
        _silent_since[host, port] = time.monotonic(), why
        raise DownloadError(why)


def download(
    urls: str | Sequence[str], folder: Path, name: str, checksum: str | None = None
) -> Path:
    """Bring a file into `folder` under `name` from the first of `urls` that gives it whole.

    checksum: "md5:…", "sha1:…" or "sha256:…" of the file, where its publisher states one.
    Raises `DownloadError` with one sentence for each address that failed; a full disk stays an OSError.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # its news on hashes helps nobody here
    failures = []
    for url in [urls] if isinstance(urls, str) else urls:
        try:
            check_reachable(url)
            getter = pooch.HTTPDownloader(
                progressbar=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                headers={"User-Agent": "bumblebee-course"},
            )
            return Path(pooch.retrieve(url, checksum, fname=name, path=folder, downloader=getter))
        except DownloadError as error:
            failures.append(str(error))
        except requests.RequestException as error:
            failures.append(f"{url} could not be downloaded ({_short(error)})")
        except ValueError:  # pooch: the checksum differs
            failures.append(f"{url} gave a file with another checksum than {checksum}")
    raise DownloadError("; ".join(dict.fromkeys(failures)))


def _whom_to_ask(url: str) -> tuple[str, int]:
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    if proxy:
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def _short(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__
