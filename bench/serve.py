"""Tokens per second that clients of the server get, one at a time and 16 at once; and how long 64 at once wait.

    python bench/serve.py [--tokens 64] [--rounds 3] [--layers 6] [--d-model 512] [--vocab 8192]
                          [--compile]

The server runs in a process of its own, with random weights; each client streams one answer over a connection of its
own. The best round counts. Exit status 1 where 16 clients get less than 4 times the tokens of one, or where the longest
wait of 64 clients is more than 3 times the median.
"""

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time


def serve(chosen: argparse.Namespace) -> None:
    """In the process of the server: prints its port, and serves until it is ended."""
    import torch

    from shared.llm.config import qwen3
    from shared.llm.model import LanguageModel, Parts
    from shared.llm.serve import running
    from shared.llm.serve.chat_forms import ChatForm
    from shared.llm.serve.service import Service
    from shared.llm.writing.narrow import narrow

    torch.manual_seed(0)
    sizes = {"n_heads": 8, "n_kv_heads": 4, "d_head": chosen.d_model // 8, "max_length": 512}
    config = qwen3(
        chosen.vocab, d_model=chosen.d_model, n_layers=chosen.layers, d_hidden=None, **sizes
    )
    model = LanguageModel(config, Parts.fused()).eval()
    model = narrow(model, compiled=True) if chosen.compile else model
    tokenizer = Numbers(chosen.vocab)
    service = Service("bench", model, tokenizer, ChatForm("transcript", tokenizer, frozenset()))
    place = running.bound("127.0.0.1", 0)
    size = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    print(place.getsockname()[1], torch.get_num_threads(), f"{size:.1f}", flush=True)
    running.server(service).run(sockets=[place])


class Numbers:
    """A tokenizer for a model that says nothing: a token is spelled as a letter. No token ends a text."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size, self.eos_id, self.special = vocab_size, vocab_size, {}

    def encode(self, text: str, special: bool = True) -> list[int]:
        return [ord(letter) % self.vocab_size for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(97 + number % 26) for number in ids)


def ask(address: str, tokens: int, prompt: str) -> tuple[int, float, float]:
    """(tokens that came, seconds to the first, seconds to the last). A client that costs next to nothing itself."""
    asked = {"prompt": prompt, "max_tokens": tokens, "temperature": 0.8, "stream": True}
    body = json.dumps({**asked, "stream_options": {"include_usage": True}}).encode()
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    started, first, came = time.perf_counter(), 0.0, b""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=300) as connection:
        connection.sendall(head.encode() + body)
        while piece := connection.recv(65_536):
            came += piece
            if not first and b"data: " in came:
                first = time.perf_counter() - started
    count = int(re.search(rb'"completion_tokens": (\d+)', came)[1])
    return count, first, time.perf_counter() - started


def clients(address: str, count: int, tokens: int) -> tuple[float, list[float], list[float]]:
    """(tokens per second of all together, seconds to the first piece of each, to the last of each)"""
    found: list[tuple[int, float, float]] = []
    prompts = [f"{number} Bees dance in the hive to tell" for number in range(count)]
    threads = [
        threading.Thread(target=lambda p=prompt: found.append(ask(address, tokens, p)))
        for prompt in prompts
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if len(found) < count:
        raise SystemExit("not all clients were answered")
    return sum(f[0] for f in found) / seconds, [f[1] for f in found], [f[2] for f in found]


def until_it_listens(port: int) -> None:
    for _ in range(100):
        with socket.socket() as knocking:
            if knocking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--d-model", type=int, default=512)
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--compile", action="store_true", help="as bumblebee serve --compile")
    parser.add_argument("--server", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.server:
        serve(chosen)
        return 0
    command = [sys.executable, __file__, "--server", f"--layers={chosen.layers}"]
    command += [f"--d-model={chosen.d_model}", f"--vocab={chosen.vocab}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port, n_threads, size = process.stdout.readline().split()
            address = f"127.0.0.1:{port}"
            print(f"{size} million parameters, {n_threads} threads, {chosen}")
            until_it_listens(int(port))
            clients(address, 2, 8)  # warms up
            best = {1: 0.0, 16: 0.0}
            for _ in range(chosen.rounds):  # in turns, so that a busy machine slows both
                for count in best:
                    best[count] = max(best[count], clients(address, count, chosen.tokens)[0])
            speed, *waits = clients(address, 64, chosen.tokens)
        finally:
            process.terminate()
    ratio = best[16] / best[1]
    print(f" 1 client   {best[1]:7.1f} tokens/s")
    print(f"16 clients  {best[16]:7.1f} tokens/s   {ratio:.2f} times as many (bar: 4)")
    fair = True
    for what, seconds in zip(("first piece", "whole answer"), waits):
        median = statistics.median(seconds)
        fair &= max(seconds) <= 3 * median
        print(
            f"64 clients  {speed:7.1f} tokens/s   {what}: median {median:.2f} s, "
            f"longest {max(seconds):.2f} s, {max(seconds) / median:.2f} times it (bar: 3)"
        )
    return 0 if ratio >= 4 and fair else 1


if __name__ == "__main__":
    sys.exit(main())
