"""`bumblebee serve`: what it loads, one sentence for what it can't, and that it starts, answers and stops."""

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from shared import cli
from shared.llm import chat, compiling
from shared.llm.compiling import compiler
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel
from shared.llm.serve import running
from shared.llm.serve.chat_forms import plain, transcript
from shared.llm.serve.loading import load
from shared.llm.tokenizer import train_tokenizer
from shared.llm.training import savepoint
from shared.llm.writing import few_rows
from tests.llm.serving import Bytes

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run of `bumblebee llm`, and the same sizes in transformers' format."""
    base = tmp_path_factory.mktemp("models")
    run, theirs = base / "run", base / "theirs"
    for place in (run / "tokenizer", theirs):
        train_tokenizer(["Bees dance in the hive. "] * 20, 277, place)
    torch.manual_seed(0)
    config = qwen3(277, d_model=32, n_layers=2, n_heads=2, d_head=16, n_kv_heads=1, max_length=64)
    weights = {name: p.data for name, p in LanguageModel(config).named_parameters()}
    state = {"config": asdict(config)}
    savepoint.save(run / "pretrain" / "checkpoints", 1, weights, {}, state)
    other = Qwen3Config(**SIZES, vocab_size=277, intermediate_size=64, num_key_value_heads=1,
                        max_position_embeddings=64)  # fmt: skip
    Qwen3ForCausalLM(other).save_pretrained(theirs)
    chat.save_chat_template(theirs)
    return {"run": run, "theirs": theirs}


def test_a_run_and_a_folder_of_transformers(folders):
    loaded = load(str(folders["run"]))
    assert loaded.name == "run" and loaded.chat.name == "transcript"
    assert loaded.model.config.max_length == 64 and not loaded.model.training
    loaded = load(str(folders["theirs"]))
    assert loaded.name == "theirs" and loaded.chat.name == "chatml"
    assert loaded.chat.encode([{"role": "user", "content": "Hi"}])[0] == 1
    (folders["theirs"] / "chat_template.jinja").unlink()
    assert load(str(folders["theirs"])).chat.name == "transcript", "nothing says that it chats"


def test_a_transcript():
    messages = [
        {"role": "system", "content": "Bees are insects."},
        {"role": "user", "content": "Do they dance?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Why?"},
    ]
    assert transcript(messages) == (
        "Bees are insects.\n\nUser: Do they dance?\n\nAssistant: Yes.\n\nUser: Why?\n\nAssistant:"
    )
    form = plain(Bytes())
    assert Bytes().decode(form.encode(messages)) == transcript(messages)
    assert "\nUser:" in form.stop


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--port", "0"], "there is no folder nowhere; `bumblebee llm` makes a model"),
        ([".", "--port", "0"], ". holds no model: it must be the folder of a run"),
        (["x", "--port", "99999"], "port is 99999; it must be from 0 to 65535."),
        (["x", "--host", "0.0.0.0"], "which other machines reach; then a token is needed"),
        (["x", "--host", "no.such.host.example"], "then a token is needed"),
        (["x", "--host", "203.0.113.1", "--token", "t"], "203.0.113.1:8000 can't be served at"),
        (["x", "--port", "0", "--index", "."], "holds no index: build one there first"),
        (["x", "--token", "two words"], "token must be"),
        (["x", "--max-rows", "0"], "max_rows is 0; it must be above 0."),
        (["x", "--cache-gib", "-1"], "cache_gib is -1.0"),
        (["--port", "0"], "there is no model in"),
    ],
)
def test_mistakes(arguments, says, tmp_path, my_work, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bumblebee", "serve", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and says in err
    assert len(err.strip().splitlines()) == 1 and err.strip().endswith(".")


def test_compiling_where_there_is_no_compiler(folders, tmp_path, monkeypatch, capsys):
    compiling.compiled.cache_clear(), few_rows.load.cache_clear()
    monkeypatch.setenv("BUMBLEBEE_CACHE", str(tmp_path))
    monkeypatch.setattr(compiling, "compiler", lambda: None)
    arguments = ["bumblebee", "serve", str(folders["run"]), "--port", "0", "--compile"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert "there is no C++ compiler: install g++ or clang++" in capsys.readouterr().err


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ValueError, match=r"choose another --port or --host\."):
            running.bound("127.0.0.1", taken.getsockname()[1])


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent in another way there")
@pytest.mark.parametrize("more", [[], ["--compile"]], ids=["plain", "compiled"])
def test_it_starts_answers_and_stops(folders, more):
    if more and compiler() is None:
        pytest.skip("no C++ compiler here")
    start = (
        "import sys; from shared.cli import main; sys.argv = ['bumblebee', *sys.argv[1:]]; main()"
    )
    arguments = ["serve", str(folders["run"]), "--port", "0", *more]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", start, *arguments],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        said = ""
        try:
            for line in process.stdout:
                said += line
                if "Ctrl+C" in line:
                    break
            address = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
            # Whoever has read the address may ask at once: nobody is refused.
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
                answer = client.post("/v1/chat/completions", json=asked)
                assert answer.status_code == 200, answer.text
                assert "<title>Bumblebee</title>" in client.get("/").text
            process.send_signal(signal.SIGINT)
            assert process.wait(60) in (0, 130, -signal.SIGINT), process.stdout.read()
        finally:
            process.kill()
    assert "million parameters" in said and "Traceback" not in said
