"""Under load and abuse: nobody starves, answers stay right, nothing leaks, nothing falls over."""

import json
import random
import socket
import statistics
import threading
import time

import httpx
import psutil
import pytest

from shared.llm.writing.generate import Sampling, generate
from tests.llm.serving import Bytes, idle, saying, served, tiny


def at_once(work, count):
    """work(number) in so many threads at the same moment: their results, in order."""
    results, gate = [None] * count, threading.Barrier(count)

    def run(number):
        gate.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert all(result is not None for result in results), "not all were answered"
    return results


@pytest.mark.slow
def test_64_clients_at_once():
    """Each gets what the model writes for it alone, and none waits for more than three times the median."""
    prompts = [f"{'Bees ' * (number % 7)}{number}" for number in range(64)]

    def ask(number):
        asked = {"prompt": prompts[number], "max_tokens": 60, "seed": number, "stream": True}
        started, text, first = time.monotonic(), "", None
        with httpx.stream("POST", f"{client.address}/v1/completions", json=asked,
                          timeout=60, trust_env=False) as answer:  # fmt: skip
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    first = first or time.monotonic() - started
                    text += json.loads(line[6:])["choices"][0]["text"]
        return text, first, time.monotonic() - started

    with served(max_rows=8) as client:
        answers = at_once(ask, 64)
    model = tiny()
    for number, (text, _, _) in enumerate(answers):
        settings = Sampling(max_tokens=60, temperature=1, top_p=1, seed=number)
        assert text == generate(model, Bytes(), [prompts[number]], settings)[0].text
    for which in (1, 2):  # the first piece, and the end
        waits = sorted(answer[which] for answer in answers)
        assert waits[-1] <= 3 * statistics.median(waits), waits


@pytest.mark.slow
def test_memory_is_flat_over_2000_requests():
    chance, process, sizes = random.Random(0), psutil.Process(), []
    with served(max_rows=8) as client:
        for number in range(2000):
            asked = {
                "prompt": "a" * chance.choice([0, 3, 50, 110, 200]),
                "max_tokens": chance.choice([0, 1, 4]),
                "stream": number % 3 == 0,
                "logprobs": 2 if number % 5 == 0 else None,
                "n": chance.choice([1, 1, 3]),
            }
            if number % 10 == 7:  # and some leave
                asked |= {"max_tokens": 100, "stream": True, "prompt": "b"}
                with client.stream("POST", "/v1/completions", json=asked):
                    pass
            else:
                client.post("/v1/completions", json=asked)
            if number % 100 == 99:
                sizes.append(process.memory_info().rss / 2**20)
        assert idle(client.service)
        assert not client.service.engine.pieces
    early, late = statistics.mean(sizes[4:8]), statistics.mean(sizes[-4:])
    assert late - early < 8, f"MiB: {sizes}"


def raw(client, data, read=True, close="gently"):
    """Sends bytes over a connection of its own; what came back, if it is read."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(data)
        answer = b""
        if read:
            connection.settimeout(5)
            while piece := connection.recv(65_536):
                answer += piece
        if close == "abruptly":  # a reset in place of a farewell
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return answer


def request(body, path="/v1/completions", length=None, more=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    )
    return head.encode() + body


def test_broken_connections():
    asked = {"prompt": "a", "max_tokens": 3000, "stream": True}
    with served(saying("abcdefgh" * 400, 0.002, max_rows=4)) as client:
        for data in (
            b"",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # a browser that tries https
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            request(asked)[:-5],
            request(asked, length=10**12),
            request(asked, length=-1),
            request(asked, more="Transfer-Encoding: chunked\r\n"),
            request(b"\xff\xfe"),
        ):
            for close in ("gently", "abruptly"):
                raw(client, data, read=False, close=close)
        for close in ("gently", "abruptly"):
            for stream in (True, False):
                raw(client, request({**asked, "stream": stream}), read=False, close=close)
        assert idle(client.service), "the server still writes for nobody"
        assert client.get("/health").status_code == 200
        answer = client.post("/v1/completions", json={"prompt": "a", "max_tokens": 4})
        assert answer.json()["choices"][0]["text"] == "abcd"


def test_bytes_that_are_no_text():
    with served() as client:
        answer = raw(client, request(b'{"prompt": "\xff"}', more="Connection: close\r\n"))
        assert answer.startswith(b"HTTP/1.1 400")


def test_a_reader_that_stands_still_holds_nobody_up():
    """Its text is written and its row is free; after a while its connection is given up."""
    with served(saying("abcdefgh" * 400, max_rows=16, max_idle=0.5)) as client:
        asked = {"prompt": ["a"] * 14, "max_tokens": 3000, "stream": True}
        address = (client.base_url.host, client.base_url.port)
        with socket.socket() as still:
            still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            still.connect(address)
            still.sendall(request(asked))
            time.sleep(0.2)
            answer = client.post("/v1/completions", json={"prompt": "a", "max_tokens": 4})
            assert answer.json()["choices"][0]["text"] == "abcd"
            assert idle(client.service, 30)
            time.sleep(0.8)
            came = b""
            while piece := still.recv(1 << 20):
                came += piece
            assert b"data: " in came and b"[DONE]" not in came
        assert client.get("/health").status_code == 200


# Random requests, made after the server's own description


def made(schema, spec, chance, depth=0):
    """A random value that a schema describes, or, now and then, one that it does not."""
    if chance.random() < 0.04 or depth > 8:
        return chance.choice(
            [None, True, -1, 2**70, 1e308, "", "\u0000\ud800", [], {}, [[[]]], "x" * 999]
        )
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return made(chance.choice(schema["anyOf"]), spec, chance, depth + 1)
    if "const" in schema or "enum" in schema:
        return chance.choice(schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    if kind == "object":
        value = {}
        for name, inner in schema.get("properties", {}).items():
            if name in schema.get("required", ()) or chance.random() < 0.3:
                value[name] = made(inner, spec, chance, depth + 1)
        if chance.random() < 0.03:
            value[chance.choice(["x", "", "__class__"])] = 1
        return value
    if kind == "array":
        count = chance.randint(schema.get("minItems", 0), min(schema.get("maxItems", 3), 3))
        return [made(schema.get("items", {}), spec, chance, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = min(schema.get("maximum", schema.get("exclusiveMaximum", 300)), 300)
        value = chance.uniform(max(low, -5), high)
        return round(value) if kind == "integer" else value
    if kind == "string":
        return chance.choice(["", "tiny", "Bees", "é🐝", "<|im_end|>", "\\", "a" * 200])
    return chance.random() < 0.5 if kind == "boolean" else None


def test_random_requests_meet_only_what_is_described():
    chance, statuses = random.Random(0), {}
    with served(max_seconds=20) as client:
        spec = client.get("/openapi.json").json()
        paths = [(path, how) for path, ways in spec["paths"].items() for how in ways.items()]
        assert {path for path, _ in paths} >= {"/v1/completions", "/v1/chat/completions", "/health"}
        for _ in range(160):
            path, (method, what) = chance.choice(paths)
            path = path.replace("{name}", chance.choice(["tiny", "x", "..", "%00", "ü/ü"]))
            how = {}
            if "requestBody" in what:
                schema = what["requestBody"]["content"]["application/json"]["schema"]
                body = made(schema, spec, chance)
                if isinstance(body, dict):
                    body["max_tokens"] = chance.choice([0, 2, 5, body.get("seed")])
                text = json.dumps(body)
                if chance.random() < 0.1:
                    text = text[: chance.randrange(len(text) + 1)]
                how = {"content": text, "headers": {"content-type": "application/json"}}
            answer = client.request(method, path, **how)
            known = {int(status) for status in what["responses"]}
            assert answer.status_code in known and answer.status_code != 500, (
                path,
                how,
                answer.text,
            )
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            if answer.status_code >= 400:
                error = answer.json()["error"]
                assert error["message"] and set(error) == {"message", "type", "param", "code"}
        assert client.get("/health").status_code == 200
    assert statuses[200] > 40 and statuses[400] > 20 and statuses[404] > 1, statuses
