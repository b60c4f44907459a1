"""The HTTP API: OpenAI's shapes, streamed or not, equal to the model alone; mistakes have status and sentence."""

import contextlib
import json
import threading
import time

import httpx
import pytest

from shared.llm.chat import encode
from shared.llm.serve.chat_forms import plain
from shared.llm.serve.sources import Source, finder_of
from shared.llm.writing.generate import Sampling, generate, generate_tokens
from tests.llm.serving import Bytes, idle, saying, served, service, tiny


@pytest.fixture(scope="module")
def client():
    with served() as client:
        yield client


def events(answer):
    """The objects of a stream, without its end."""
    lines = [line for line in answer.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


def complete(client, **asked):
    answer = client.post("/v1/completions", json={"model": "tiny", **asked})
    assert answer.status_code == 200, answer.text
    return answer


def chat(client, **asked):
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **asked}
    answer = client.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, answer.text
    return answer


ASKED = {"prompt": "Bees", "max_tokens": 30, "temperature": 0.9, "top_p": 0.95, "seed": 7}


def test_completion_is_what_the_model_writes_alone(client):
    answer = complete(client, **ASKED).json()
    settings = Sampling(max_tokens=30, temperature=0.9, top_p=0.95, seed=7)
    (alone,) = generate(tiny(), Bytes(), ["Bees"], settings)
    (choice,) = answer["choices"]
    assert choice["text"] == alone.text
    assert choice["finish_reason"] == alone.reason and choice["logprobs"] is None
    assert answer["object"] == "text_completion" and answer["model"] == "tiny"
    count = len(alone.tokens)
    assert answer["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": count,
        "total_tokens": 4 + count,
    }


def test_stream_is_the_same_in_pieces(client):
    whole = complete(client, **ASKED).json()
    stream = complete(client, **ASKED, stream=True, stream_options={"include_usage": True})
    assert stream.headers["content-type"].startswith("text/event-stream")
    *pieces, last = events(stream)
    assert "".join(p["choices"][0]["text"] for p in pieces) == whole["choices"][0]["text"]
    assert [p["choices"][0]["finish_reason"] for p in pieces][:-1] == [None] * (len(pieces) - 1)
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    assert last["choices"] == [] and last["usage"] == whole["usage"]
    assert all(p["usage"] is None for p in pieces) and len({p["id"] for p in pieces}) == 1
    assert all("usage" not in p for p in events(complete(client, **ASKED, stream=True)))


def test_chat_is_what_the_model_writes_after_its_marks(client):
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    asked = {"messages": messages, "max_tokens": 25, "temperature": 0.8, "seed": 3}
    answer = chat(client, **asked).json()
    prompt = encode(messages, Bytes(), add_generation_prompt=True)
    settings = Sampling(max_tokens=25, temperature=0.8, top_p=1, seed=3)
    (alone,) = generate_tokens(tiny(), [prompt], settings, eos_id=258)
    message = answer["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": Bytes().decode(alone.tokens),
        "refusal": None,
    }
    pieces = events(chat(client, **asked, stream=True))
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}
    by_parts = [{"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}]
    assert (
        chat(client, **{**asked, "messages": by_parts + messages[1:]}).json()["choices"]
        == (answer["choices"])
    )


def test_several_prompts_and_several_texts(client):
    asked = {"max_tokens": 8, "temperature": 1, "seed": 5, "prompt": ["a", "bc", "de"]}
    choices = complete(client, **asked, n=2).json()["choices"]
    settings = Sampling(max_tokens=8, temperature=1, top_p=1, seed=5)
    alone = generate(tiny(), Bytes(), ["a", "a", "bc", "bc", "de", "de"], settings)
    assert [c["text"] for c in choices] == [c.text for c in alone]
    as_tokens = {**asked, "prompt": [[97], [98, 99], [100, 101]]}
    assert complete(client, **as_tokens, n=2).json()["choices"] == choices
    assert [c["index"] for c in choices] == list(range(6))
    said = [""] * 6
    for piece in events(complete(client, **asked, n=2, stream=True)):
        (choice,) = piece["choices"]
        said[choice["index"]] += choice["text"]
    assert said == [c.text for c in alone]


def test_stop_strings_and_limits_of_length():
    with served(saying("one 🐝 two three")) as client:
        ask = lambda **more: complete(client, prompt="x", **more).json()["choices"][0]  # noqa: E731
        assert ask(stop="two", max_tokens=90) == {
            "index": 0,
            "text": "one 🐝 ",
            "logprobs": None,
            "finish_reason": "stop",
        }
        assert ask(stop=["three", "e 🐝"], max_tokens=90)["text"] == "on"
        assert ask(max_tokens=3)["finish_reason"] == "length"
        assert ask(max_tokens=0)["text"] == ""
        assert len(ask(max_tokens=6)["text"]) == 5, "half a bee is one sign of something broken"
        answer = chat(client).json()["choices"][0]
        assert answer["message"]["content"] == "one 🐝 two three"
        assert answer["finish_reason"] == "stop"
        pieces = events(chat(client, stream=True))
        assert "🐝" in [p["choices"][0]["delta"].get("content") for p in pieces]


def test_a_model_that_only_goes_on_with_texts():
    """It is shown a transcript, stops where the user would speak next, and its first space is not part of it."""
    one = saying("  Because. \n\nUser: And then?")
    one.chat = plain(one.tokenizer)
    with served(one) as client:
        assert chat(client).json()["choices"][0]["message"]["content"] == "Because. \n"
        deltas = [p["choices"][0]["delta"] for p in events(chat(client, stream=True))]
        assert "".join(delta.get("content", "") for delta in deltas) == "Because. \n"
        assert client.get("/v1/models").json()["data"][0]["chat"] == "transcript"


def test_log_probabilities(client):
    settings = Sampling(max_tokens=6, temperature=0, log_probabilities=True)
    (alone,) = generate(tiny(), Bytes(), ["Bees"], settings)
    asked = {"prompt": "Bees", "max_tokens": 6, "temperature": 0}
    found = complete(client, **asked, logprobs=2).json()["choices"][0]["logprobs"]
    assert found["token_logprobs"] == pytest.approx(alone.log_probabilities, abs=1e-4)
    assert found["tokens"] == [Bytes().decode([token]) for token in alone.tokens]
    assert found["text_offset"] == [0, 1, 2, 3, 4, 5]
    for own, likely in zip(found["token_logprobs"], found["top_logprobs"]):
        assert own == pytest.approx(max(likely.values())), "greedy takes the likeliest"
    asked = {"max_tokens": 5, "logprobs": True, "top_logprobs": 3, "seed": 1}
    answer = chat(client, **asked).json()
    content = answer["choices"][0]["logprobs"]["content"]
    assert len(content) == answer["usage"]["completion_tokens"] > 0
    assert all(len(token["top_logprobs"]) == 3 and token["logprob"] <= 0 for token in content)
    streamed = []
    for piece in events(chat(client, **asked, stream=True)):
        streamed += (piece["choices"][0]["logprobs"] or {"content": []})["content"]
    assert [token["token"] for token in streamed] == [token["token"] for token in content]


def test_chance_differs_and_a_seed_does_not(client):
    asked = {"prompt": "Bees", "max_tokens": 20, "temperature": 1}
    texts = {complete(client, **asked).json()["choices"][0]["text"] for _ in range(3)}
    assert len(texts) == 3
    texts = {complete(client, **asked, seed=1).json()["choices"][0]["text"] for _ in range(3)}
    assert len(texts) == 1


def test_models_health_metrics_and_page(client):
    (card,) = client.get("/v1/models").json()["data"]
    assert card["id"] == "tiny" and card["object"] == "model" and card["context"] == 128
    assert client.get("/v1/models/tiny").json() == card
    assert client.get("/health").json() == {"status": "ok", "model": "tiny"}
    complete(client, **ASKED)
    lines = client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["bumblebee_written_tokens_total"]) >= 30
    assert float(values['bumblebee_requests_total{path="/v1/completions",status="200"}']) >= 1
    assert float(values['bumblebee_first_token_seconds_bucket{le="+Inf"}']) >= 1
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ") and "unsafe" not in policy
    # A notebook on this machine may show the page in a frame, no other site may.
    frames = next(rule for rule in policy.split("; ") if rule.startswith("frame-ancestors"))
    assert frames.split()[1:] == ["http://localhost:*", "http://127.0.0.1:*"]
    assert page.headers["x-content-type-options"] == "nosniff"


# Mistakes

WRONG = [
    ("{", 400, "The body is no JSON"),
    ("[1]", 400, "must be a JSON object"),
    ("", 400, "must be a JSON object"),
    ({}, 400, "prompt field required."),
    ({"prompt": 5}, 400, "prompt is 5: "),
    ({"prompt": []}, 400, "prompt is []: "),
    ({"prompt": [1, "a"]}, 400, "prompt"),
    ({"prompt": [9999]}, 400, "prompt has the token 9999; the model knows 0 to 259."),
    ({"prompt": "a", "temperature": -1}, 400, "temperature is -1: input should be greater"),
    ({"prompt": "a", "temperature": "hot"}, 400, "temperature is 'hot'"),
    ('{"prompt": "a", "temperature": NaN}', 400, "temperature is nan"),
    ({"prompt": "a", "top_p": 0}, 400, "top_p is 0"),
    ({"prompt": "a", "max_tokens": -1}, 400, "max_tokens is -1"),
    ({"prompt": "a", "max_tokens": 1.5}, 400, "max_tokens is 1.5"),
    ({"prompt": "a", "n": 0}, 400, "n is 0"),
    ({"prompt": "a", "n": 17}, 400, "asks for 17 texts; at most 16"),
    ({"prompt": ["a"] * 17}, 400, "asks for 17 texts"),
    ({"prompt": "a", "stop": ""}, 400, "stop is ''"),
    ({"prompt": "a", "stop": ["a"] * 5}, 400, "stop is ['a', 'a', 'a', 'a', 'a']"),
    ({"prompt": "a", "max_token": 5}, 400, "There is no field max_token."),
    ({"prompt": "a", "x" * 999: 5}, 400, "There is no field xxx"),
    ('{"prompt": "a", "\\ud800": 1}', 400, "."),
    ({"prompt": "a", "frequency_penalty": 1.0}, 400, "frequency_penalty is 1.0"),
    ({"prompt": "a", "logprobs": 6}, 400, "logprobs is 6"),
    ({"prompt": "a", "stream_options": {}}, 400, "stream_options is given; then stream must be"),
    ({"prompt": "a", "stream_options": {"x": 1}}, 400, "There is no field stream_options.x."),
    ({"prompt": "a" * 128}, 400, "The prompt has 128 tokens; the model's context holds 128"),
    ({"prompt": "a", "model": "gpt-4"}, 404, "There is no model 'gpt-4' here; there is 'tiny'."),
    ('{"prompt": "a", "seed": ' + "9" * 5000 + "}", 400, ""),
    ('{"prompt": ' + "[" * 90_000 + "]" * 90_000 + "}", 400, ""),
]


@pytest.mark.parametrize(("body", "status", "says"), WRONG)
def test_wrong_completions(client, body, status, says):
    body = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/completions", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert says in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert len(error["message"]) < 300


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "messages field required."),
        ({"messages": []}, "messages is []"),
        ({"messages": "hi"}, "messages is 'hi'"),
        ({"messages": [{"role": "pirate", "content": "a"}]}, "messages.0.role is 'pirate'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content field required."),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content",
        ),
        ({"top_logprobs": 2}, "then logprobs must be true"),
        ({"tools": [{"type": "function"}]}, "tools is"),
        ({"response_format": {"type": "json_object"}}, "response_format.type is 'json_object'"),
        ({"sources": True}, "has no index to answer from"),
    ],
)
def test_wrong_chats(client, asked, says):
    hello = {"messages": [{"role": "user", "content": "Hi"}]}
    answer = client.post("/v1/chat/completions", json={**hello, **asked} if asked else {})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]


def test_what_is_not_there(client):
    for method, path, status in (
        ("GET", "/v2/x", 404),
        ("GET", "/v1/models/gpt-4", 404),
        ("GET", "/v1/completions", 405),
        ("DELETE", "/", 405),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]["message"].endswith(".")


def test_half_a_surrogate_pair_is_read_as_broken(client):
    """JSON allows it, UTF-8 does not."""
    headers = {"content-type": "application/json"}
    for body, status in (
        ('{"prompt": "\\ud800"}', 200),
        ('{"model": "\\ud800", "prompt": ""}', 404),
    ):
        answer = client.post("/v1/completions", content=body, headers=headers)
        assert answer.status_code == status, answer.text


def test_a_body_that_is_not_said_to_be_json(client):
    """Any page of the web may send text/plain to this address without asking."""
    answer = client.post("/v1/completions", content='{"prompt": "a"}')
    assert answer.status_code == 400


def test_the_answer_ends_where_the_context_does(client):
    answer = complete(client, prompt="a" * 120, max_tokens=50, temperature=0).json()
    assert answer["usage"]["completion_tokens"] == 8
    assert answer["choices"][0]["finish_reason"] == "length"


# Who may ask, how much, how long


def test_token():
    with served(token="geheim-ü") as client:
        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": "geheim-ü".encode()}, 401),
            ({"authorization": "Bearer geheim-ü".encode()}, 200),
        ):
            answer = client.get("/v1/models", headers=headers)
            assert answer.status_code == status
            if status == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["error"]["code"] == "invalid_api_key"
        assert client.get("/metrics").status_code == 401
        assert client.get("/").status_code == client.get("/health").status_code == 200


def test_other_sites_may_not_ask(client):
    ask = lambda **headers: client.get("/v1/models", headers=headers)  # noqa: E731
    assert ask(origin="https://evil.example").status_code == 403
    assert ask(host="evil.example:8000").status_code == 403
    assert ask(host="[").status_code in (400, 403)
    assert ask(origin=client.address).status_code == 200


def test_too_large_a_body():
    with served(max_body=1000) as client:
        for size, status in ((900, 200), (1001, 413), (60_000, 413)):
            body = '{"prompt": "a", "max_tokens": 1' + " " * (size - 32) + "}"
            headers = {"content-type": "application/json"}
            answer = client.post("/v1/completions", content=body, headers=headers)
            assert answer.status_code == status
        # Far too much is not read to its end: who still sends may see the connection break before the answer comes.
        with contextlib.suppress(httpx.TransportError):
            answer = client.post("/v1/completions", content=b" " * 3_000_000, headers=headers)
            assert answer.status_code == 413
        parts = (b" " * 500 for _ in range(5))  # its length is not said beforehand
        answer = client.post("/v1/completions", content=parts, headers=headers)
        assert answer.status_code == 413
        assert "more than 1,000 bytes" in answer.json()["error"]["message"]


def test_a_full_queue():
    with served(saying("abcdefgh" * 40, 0.01, max_rows=1, max_queue=1)) as client:
        asked = {"prompt": "a", "max_tokens": 90}
        threads = [
            threading.Thread(target=httpx.post, args=(client.address + "/v1/completions",),
                             kwargs={"json": asked, "timeout": 30, "trust_env": False})
            for _ in range(2)
        ]  # fmt: skip
        for thread in threads:
            thread.start()
            time.sleep(0.2)
        for stream in (False, True):
            answer = client.post("/v1/completions", json={**asked, "stream": stream})
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["code"] == "queue_full"
        for thread in threads:
            thread.join()
        complete(client, prompt="a", max_tokens=2)


def test_too_long_a_time():
    with served(saying("abcdefgh" * 40, 0.01, max_seconds=0.3)) as client:
        asked = {"prompt": "a", "max_tokens": 300}
        answer = client.post("/v1/completions", json=asked)
        assert answer.status_code == 504 and answer.json()["error"]["code"] == "timeout"
        answer = client.post("/v1/completions", json={**asked, "stream": True})
        assert answer.status_code == 200
        last = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
        assert last["error"]["code"] == "timeout"
        assert "abc" in "".join(json.loads(line[6:])["choices"][0]["text"]
                                for line in answer.text.strip().split("\n\n")[:-1])  # fmt: skip


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_is_not_written_for(stream, again):
    """again: over a connection that has carried a request before."""
    with served(saying("abcdefgh" * 100, 0.01)) as client:
        asked = {"prompt": "a", "max_tokens": 700, "stream": stream, "n": 3}
        patience = httpx.Timeout(20, read=20 if stream else 1)
        with httpx.Client(base_url=client.address, timeout=patience, trust_env=False) as leaving:
            if again:
                leaving.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}, timeout=20)
            # Without a stream nothing comes for a second; of the stream the first pieces are read.
            with (
                contextlib.suppress(httpx.ReadTimeout),
                leaving.stream("POST", "/v1/completions", json=asked) as answer,
            ):
                next(answer.iter_raw())
        assert idle(client.service, 10)
        assert client.service.engine.ended.get("cancelled") == 3


def test_a_model_that_fails(caplog):
    with served() as client:
        client.service.engine.model.logits = lambda hidden: 1 / 0
        answer = client.post("/v1/completions", json={"prompt": "a"})
        assert answer.status_code == 500
        assert answer.json()["error"]["message"] == "The model failed; the server's log says why."
        assert client.get("/health").status_code == 503
        assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 503


# Other people's clients


def test_the_openai_client(client):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{client.address}/v1", api_key="none") as theirs:
        assert [model.id for model in theirs.models.list()] == ["tiny"]
        asked = {"model": "tiny", "max_tokens": 20, "temperature": 0.7, "seed": 4}
        text = theirs.completions.create(prompt="Bees", **asked).choices[0].text
        stream = theirs.completions.create(prompt="Bees", stream=True, **asked)
        assert "".join(piece.choices[0].text for piece in stream) == text
        assert len(text) > 10
        messages = [{"role": "user", "content": "Hi"}]
        whole = theirs.chat.completions.create(messages=messages, logprobs=True, **asked)
        assert len(whole.choices[0].logprobs.content) == whole.usage.completion_tokens
        stream = theirs.chat.completions.create(
            messages=messages, stream=True, stream_options={"include_usage": True}, **asked
        )
        pieces = list(stream)
        said = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
        assert said == whole.choices[0].message.content
        assert pieces[-1].usage == whole.usage
        again = theirs.chat.completions.create(
            messages=[*messages, whole.choices[0].message, *messages], model="tiny", max_tokens=2
        )
        assert again.choices[0].message.role == "assistant"
        with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-4' here"):
            theirs.completions.create(model="gpt-4", prompt="a")
        with pytest.raises(openai.BadRequestError, match="temperature is 9"):
            theirs.completions.create(model="tiny", prompt="a", temperature=9)


# Answers from an index


FOUND = [Source("Bee", "Bees dance.", "Dance", "https://x.example"), Source("Hive", "A " * 40)]


def test_sources_go_to_the_model_and_to_the_reader():
    asked = []

    def find(question):
        asked.append(question)
        return FOUND if "bee" in question else []

    with served(service(tiny(max_length=400), finder=find)) as client:
        assert client.get("/v1/models").json()["data"][0]["index"] is True
        ask = {"messages": [{"role": "user", "content": "Why do bees dance?"}], "max_tokens": 9}
        alone = chat(client, **ask).json()
        assert "sources" not in alone and not asked
        answer = chat(client, **ask, sources=True).json()
        assert answer["sources"][0] == {
            "title": "Bee",
            "text": "Bees dance.",
            "section": "Dance",
            "url": "https://x.example",
            "read": True,
        }
        assert len(answer["sources"]) == 2 and asked == ["Why do bees dance?"]
        assert answer["usage"]["prompt_tokens"] > alone["usage"]["prompt_tokens"] + 90
        first, *rest = events(chat(client, **ask, sources=True, stream=True))
        assert first["sources"] == answer["sources"]
        assert all("sources" not in piece for piece in rest)
        ask["messages"][0]["content"] = "Hello"
        assert chat(client, **ask, sources=True).json()["sources"] == []


def test_passages_that_do_not_fit_are_left_out():
    one = service(tiny(max_length=250))
    messages = [{"role": "user", "content": "Why do bees dance?"}]
    told, read = one.with_sources(messages, FOUND)
    assert (
        read == 1
        and "[1] Bee\nBees dance." in told[0]["content"]
        and "[2]" not in told[0]["content"]
    )
    assert told[-1] == messages[0]
    assert one.with_sources(messages, FOUND[::-1]) == (messages, 0)
    assert one.with_sources(messages, []) == (messages, 0)
    with served(service(tiny(max_length=250), finder=lambda question: FOUND)) as client:
        said = chat(client, messages=messages, max_tokens=3, sources=True).json()["sources"]
        assert [source["read"] for source in said] == [True, False]


def test_an_index_on_disk(tmp_path):
    from shared.llm.retrieval.retrieve import Index

    articles = [
        {
            "id": "1",
            "title": "Honey bee",
            "text": "Bees dance to tell the others where flowers are.",
        },
        {"id": "2", "title": "Moon", "text": "The moon goes around the earth in 27 days."},
        {"id": "3", "title": "Tea", "text": "Tea is made of leaves and hot water."},
    ]
    Index.build(articles, tmp_path / "index", workers=1)
    find = finder_of(tmp_path / "index")
    assert find("What moon goes around the earth?")[0].title == "Moon"
    assert find("Who painted the Mona Lisa?") == find("  ") == []
    with pytest.raises(ValueError, match="holds no index"):
        finder_of(tmp_path)
