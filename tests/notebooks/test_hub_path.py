"""What a learner with a hub runs: the real names, from a local hub cache in the hub's own layout, without a network.

The notebooks themselves run with it as well: each that asks for a pretrained model.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from course import NOTEBOOKS, ROOT, name_of, run
from hub_cache import BERT, GPT2, fill_hub_cache

from shared.lab.publish import read_notebook

WITH_PRETRAINED = [
    path
    for path in NOTEBOOKS
    if any(
        "pretrained(" in c.source.replace("from_pretrained(", "") for c in read_notebook(path).cells
    )
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for HF_HUB_CACHE."""
    return fill_hub_cache(tmp_path_factory.mktemp("hub"))


def python(code: str, hub: Path, **environment: str) -> dict:
    """What the last line of a fresh Python prints, as JSON; the hub's client reads its folder when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_CACHE": str(hub), **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LINES = """
import json, torch
from transformers import (AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification,
    AutoTokenizer)
from shared.llm.pocket import pretrained

said = []
bert = pretrained("google-bert/bert-base-uncased", said.append)
tokenizer = AutoTokenizer.from_pretrained(bert)
ids = tokenizer("Paris is the [MASK] of France!", return_tensors="pt")
torch.manual_seed(0)
masked = AutoModelForMaskedLM.from_pretrained(bert, dtype=torch.float32)
classifier = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=4, dtype=torch.float32)
labels = torch.tensor([2])
classifier(**ids, labels=labels).loss.backward()

gpt = pretrained("openai-community/gpt2", said.append)
words = AutoTokenizer.from_pretrained(gpt)
writer = AutoModelForCausalLM.from_pretrained(gpt, dtype=torch.float32)
prompt = words("The team won", return_tensors="pt")
written = writer.generate(**prompt, max_new_tokens=3, do_sample=False, pad_token_id=words.eos_token_id)
print(json.dumps({
    "said": said, "names": [bert, gpt],
    "tokens": tokenizer.convert_ids_to_tokens(ids["input_ids"][0].tolist()),
    "scores": [list(masked(**ids).logits.shape), list(classifier(**ids).logits.shape)],
    "vocabulary": len(tokenizer),
    "norm is the file's": bool((masked.bert.embeddings.LayerNorm.weight == 1.5).all()),
    "all learn": all(p.grad is not None for n, p in classifier.named_parameters() if "position" not in n),
    "text again": words.decode(prompt["input_ids"][0]), "written": written.shape[1] - prompt["input_ids"].shape[1],
}))
"""


def test_the_lines_that_a_learner_runs(hub: Path) -> None:
    found = python(LINES, hub)
    assert found["names"] == [BERT, GPT2]
    assert found["said"] == [f"{BERT} · from this machine", f"{GPT2} · from this machine"]
    assert found["tokens"] == [
        "[CLS]",
        "paris",
        "is",
        "the",
        "[MASK]",
        "of",
        "france",
        "!",
        "[SEP]",
    ]
    assert found["scores"] == [[1, 9, found["vocabulary"]], [1, 4]]
    assert found["norm is the file's"], "the hub's file calls the norm's weight gamma"
    assert found["all learn"]
    assert found["text again"] == "The team won"
    assert found["written"] == 3


WHICH = """
import json, os
from shared.llm.pocket import pretrained
said = []
names = [pretrained("google-bert/bert-base-uncased", said.append, device=device) for device in (None, "cpu")]
os.environ["BUMBLEBEE_HUB"] = "1"
names.append(pretrained("google-bert/bert-base-uncased", said.append, device="cpu"))
print(json.dumps({"names": names, "said": said}))
"""


def test_on_a_cpu_the_small_one_is_trained(hub: Path) -> None:
    found = python(WHICH, hub, BUMBLEBEE_HUB="")
    assert found["names"][0] == found["names"][2] == BERT
    assert Path(found["names"][1]).name == "pocket-bert"
    assert "takes a GPU" in found["said"][1]


def test_a_cache_that_is_not_whole_is_not_used(hub: Path, tmp_path: Path) -> None:
    """A download that was broken off leaves a folder without weights."""
    fill_hub_cache(tmp_path, [BERT])
    next(tmp_path.rglob("model.safetensors")).unlink()
    found = python(WHICH, tmp_path, BUMBLEBEE_HUB="")
    assert [Path(name).name for name in found["names"]] == ["pocket-bert"] * 3
    assert "BUMBLEBEE_OFFLINE" in found["said"][0]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_PRETRAINED, ids=name_of)
def test_notebook_with_the_hubs_models(path: Path, hub: Path, tmp_path: Path) -> None:
    """A notebook that asks for a pretrained model gets the hub's, by name, and runs to its end with it."""
    notebook = read_notebook(path)
    run(notebook, path.parent, tmp_path, HF_HUB_CACHE=str(hub), BUMBLEBEE_HUB="1")
    shown = "\n".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert "· from this machine" in shown
    assert "stands in for" not in shown
