"""What the tests of `shared.data` share: a closed-off environment, the real files, a small pack, a local web server."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.data import pack, places, transfer


@pytest.fixture(autouse=True)
def closed_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data folder, an empty cache, no network, and no memory of hosts that were silent."""
    monkeypatch.delenv("BUMBLEBEE_DATA", raising=False)
    monkeypatch.setenv("BUMBLEBEE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    monkeypatch.setattr(transfer, "_silent_since", {})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache folder of this test; it does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that BUMBLEBEE_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("BUMBLEBEE_DATA", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_root() -> Path:
    """The folder of real public data, or a skip where there is none."""
    named = os.environ.get("BUMBLEBEE_TEST_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("BUMBLEBEE_TEST_DATA names no folder of real data")
    return Path(named)


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch, real_root: Path) -> Path:
    """BUMBLEBEE_DATA set to the real public data."""
    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_root))
    return real_root


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def small_pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pack of a few rows in the format of the real one, so that these tests do not hang on its content."""
    folder = tmp_path / "pack"
    for topic in pack.TOPICS:
        text = " ".join(
            f"Sentence {number} on {topic} says a thing or two about it." for number in range(12)
        )
        articles = [
            {
                "id": f"{topic}-{n}",
                "title": f"{topic} {n}",
                "topic": topic,
                "text": f"{text} Number {n}.",
            }
            for n in range(8)
        ]
        write_jsonl(folder / "encyclopedia" / f"{topic}.jsonl", articles)
        questions = [
            {
                "id": f"q-{topic}-{n}",
                "question": f"What is {topic} {n}?",
                "answer": "A thing",
                "article": f"{topic}-{n}",
                "split": "heldout" if n % 3 == 0 else "train",
            }
            for n in range(8)
        ]
        write_jsonl(folder / "questions" / f"{topic}.jsonl", questions)
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello to you"}]
    split = ["train", "train", "heldout"]
    write_jsonl(
        folder / "conversations.jsonl",
        [
            {
                "id": f"c{n}",
                "kind": "talk",
                "messages": turns * (1 + n % 2),
                "check": None,
                "split": split[n % 3],
            }
            for n in range(12)
        ],
    )
    write_jsonl(
        folder / "preferences.jsonl",
        [
            {
                "id": f"p{n}",
                "prompt": "Hi",
                "chosen": "a",
                "rejected": "b",
                "reason": "why",
                "split": split[n % 3],
            }
            for n in range(12)
        ],
    )
    write_jsonl(
        folder / "reviews.jsonl",
        [
            {
                "id": f"r{n}",
                "text": f"Review {n}",
                "label": n % 2,
                "kind": "plain",
                "split": split[n % 3],
            }
            for n in range(60)
        ],
    )
    monkeypatch.setattr(places, "PACK", folder)
    return folder


class Server:
    """A web server on this machine: `files` by path, `asked` counts the requests, `pause` slows each piece down."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.pause = 0.0
        self.cut_off = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                body = server.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                sent = body[: len(body) // 2] if server.cut_off else body
                step = max(1, len(sent) // 10)
                try:
                    for start in range(0, len(sent), step):
                        self.wfile.write(sent[start : start + step])
                        self.wfile.flush()
                        time.sleep(server.pause)
                except OSError:
                    pass  # the client was killed

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on this machine, with downloads allowed."""
    monkeypatch.delenv("BUMBLEBEE_OFFLINE")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """What lies in a folder: path → bytes, without locks."""

    def of(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".locks" not in path.parts
        }

    return of
