"""A server with a tiny model, for tests: in this process, on a port of its own."""

import contextlib
import threading
import time

import httpx
import torch

from shared.llm.config import qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.serve import running
from shared.llm.serve.chat_forms import chatml
from shared.llm.serve.limits import Limits
from shared.llm.serve.service import Service


class Bytes:
    """A tokenizer whose tokens are the bytes of UTF-8; then the end of a document and the marks of chats.

    script: a text each byte of which is also a token of its own, from 260 on, for `Saying`
    """

    eos_id = 256

    def __init__(self, script=""):
        marks = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
        self.special = {mark: number for number, mark in enumerate(marks, 256)}
        self.spelled = [bytes([i]) for i in range(256)] + [mark.encode() for mark in marks]
        self.spelled += [bytes([byte]) for byte in script.encode()]
        self.vocab_size = len(self.spelled)

    def encode(self, text, special=True):
        return list(text.encode("utf-8", "replace"))

    def encode_batch(self, texts, special=True):
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        return b"".join(self.spelled[i] for i in ids).decode("utf-8", "replace")


class Saying(torch.nn.Module):
    """A language model that answers with its tokenizer's script, whatever it reads. seconds: that a step takes"""

    def __init__(self, tokenizer, seconds=0.0, max_length=4096):
        super().__init__()
        self.seconds, self.end, self.n = seconds, 258, tokenizer.vocab_size
        sizes = {"d_model": 8, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1, "d_head": 8}
        self.config = qwen3(self.n, max_length=max_length, **sizes)
        self.embedding = torch.nn.Embedding(self.n, 8)

    def hidden(self, tokens, **more):
        time.sleep(self.seconds)
        return tokens[..., None]

    def logits(self, hidden):
        """After a token of the script the next one, after its last the end; after anything else its first."""
        upcoming = torch.where(hidden < 260, 260, hidden + 1).squeeze(-1)
        upcoming = torch.where(upcoming == self.n, self.end, upcoming)
        return torch.nn.functional.one_hot(upcoming, self.n) * 100.0


def tiny(max_length=128):
    """A random model that does not fall into repeating itself."""
    torch.manual_seed(0)
    sizes = {"d_model": 32, "n_layers": 2, "n_heads": 2, "d_head": 16, "n_kv_heads": 1}
    model = LanguageModel(qwen3(260, max_length=max_length, **sizes), Parts.fused())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model.eval()


def service(model=None, tokenizer=None, finder=None, **limits):
    tokenizer = tokenizer or Bytes()
    limits = Limits(**{"cache_gib": 0.05, **limits})
    return Service("tiny", model or tiny(), tokenizer, chatml(tokenizer), limits, finder)


def saying(script, seconds=0.0, finder=None, max_length=4096, **limits):
    """A service whose model answers everything with the script."""
    tokenizer = Bytes(script)
    return service(Saying(tokenizer, seconds, max_length), tokenizer, finder, **limits)


@contextlib.contextmanager
def served(one=None, token=None, host="127.0.0.1", **limits):
    """Gives an httpx client of the server, with .service and .address."""
    one = one or service(**limits)
    place = running.bound(host, 0)
    server = running.server(one, token, host)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    address = f"http://{host}:{place.getsockname()[1]}"
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            client.service, client.address = one, address
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        place.close()
        assert not thread.is_alive(), "the server did not stop"


def idle(one, seconds=5.0):
    """Waits until nothing is written any more; says whether that came."""
    until = time.monotonic() + seconds
    while one.engine.rows or one.engine.queue:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
