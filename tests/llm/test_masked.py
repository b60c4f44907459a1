"""BERT's two objectives: the rows, the loss beside transformers' own, the loop, and the whole pipeline with them."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertForPreTraining

from shared.llm.config import bert, qwen3
from shared.llm.corpus.array_tokens import ArrayTokens
from shared.llm.exporting.export import export
from shared.llm.judging.masked import evaluate_masked
from shared.llm.model import LanguageModel, Parts
from shared.llm.tokenizer import load_tokenizer, train_tokenizer
from shared.llm.training import masked
from shared.llm.training.masked import Masked, MaskedModel
from shared.llm.training.pretrain import pretrain
from shared.llm.training.second_question import Follows, SameText
from shared.llm.training.train_settings import TrainSettings

IDS = {"pad_id": 0, "cls_id": 2, "sep_id": 3, "mask_id": 4}
OBJECTIVE = Masked(**IDS, vocab_size=60)
CONFIG = bert(60, d_model=32, n_layers=2, n_heads=2, max_length=32)
QUICK = {"context": 32, "batch_size": 16, "precision": "float32", "compile": "no"}
QUICK |= {"tensorboard": False, "measure_peak": False, "adam_lr": 3e-3}


def periodic(n: int = 20_000) -> ArrayTokens:
    """5, 6, …, 54, 5, 6, …: every hidden token follows from its neighbours."""
    return ArrayTokens(np.tile(np.arange(5, 55), n // 50), 60, 3)


def rows(n: int = 64, length: int = 29, share: float = 0.25) -> tuple[torch.Tensor, object]:
    text = (torch.arange(n * length).reshape(n, length) % 50) + 5
    return text, OBJECTIVE.rows(text, share, torch.Generator().manual_seed(0))


def test_a_row_is_cls_a_sep_b_sep() -> None:
    text, batch = rows()
    assert batch.inputs.shape == batch.targets.shape == batch.token_types.shape == (64, 32)
    seps = (batch.inputs == 3).nonzero()[:, 1].reshape(64, 2)
    assert (batch.inputs[:, 0] == 2).all() and (seps[:, 1] == 31).all()
    cut = int(seps[0, 0])
    assert (seps[:, 0] == cut).all() and 7 <= cut - 1 <= 22
    assert (batch.token_types == (torch.arange(32) > cut)).all()
    whole = torch.where(batch.targets == -100, batch.inputs, batch.targets)
    assert (whole[:, 1:cut] == text[:, : cut - 1]).all()
    own = (whole[:, cut + 1 : -1] == text[:, cut - 1 :]).all(1)
    assert (own == batch.answers.bool()).all() and 16 < own.sum() < 48


def test_special_tokens_are_never_hidden_and_their_places_ask_nothing() -> None:
    text = torch.full((8, 29), 3)
    batch = OBJECTIVE.rows(text, 1.0, torch.Generator())
    assert (batch.targets == -100).all() and not (batch.inputs == 4).any()


def test_of_same_text_each_piece_is_a_row_and_the_rows_of_a_text_stand_together() -> None:
    objective = Masked(**IDS, vocab_size=60, second="same text")
    assert objective.text_length(32) == 60
    text = (torch.arange(6 * 60).reshape(6, 60) % 50) + 5
    lengths = set()
    for seed in range(8):
        batch = objective.rows(text, 0.25, torch.Generator().manual_seed(seed))
        pieces = len(batch.inputs) // 6
        lengths.add(batch.inputs.shape[1])
        assert batch.answers.tolist() == [t for t in range(6) for _ in range(pieces)]
        assert (batch.inputs[:, 0] == 2).all() and (batch.inputs[:, -1] == 3).all()
        whole = torch.where(batch.targets == -100, batch.inputs, batch.targets)[:, 1:-1]
        assert (whole.reshape(6, -1) == text[:, : whole.numel() // 6]).all()
    assert lengths == {32, 17}
    with pytest.raises(ValueError, match="second"):
        Masked(**IDS, vocab_size=60, second="both")


def test_the_loss_of_same_text_is_the_cross_entropy_over_the_other_rows() -> None:
    question = SameText(temperature=0.5, weight=1.0)
    vectors = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    # row 0 and row 1 are of one text; row 2 stands alone and is not asked
    found = question(vectors, torch.tensor([0, 0, 1])).item()
    near, far, other = 2 * 0.5**0.5, 0.0, 2 * 0.5**0.5  # cosines over 0.5
    rows_ = [torch.tensor([near, far]), torch.tensor([near, other])]
    by_hand = sum(-row.log_softmax(0)[0].item() for row in rows_) / 2
    assert found == pytest.approx(by_hand, abs=1e-6)
    assert question.right(vectors, torch.tensor([0, 0, 1])).tolist()[0]
    assert question(vectors, torch.arange(3)).item() == 0.0


def test_without_a_second_question_none_is_judged(tmp_path) -> None:
    objective = Masked(**IDS, vocab_size=60, second="none")
    data, settings = periodic(), TrainSettings(steps=2, **{**QUICK, "save_every": 0})
    pretrain(CONFIG, settings, data, data, tmp_path, objective=objective)
    model = masked.load_masked(tmp_path / "checkpoints", objective)
    record = evaluate_masked(model, objective, data, data, n_tokens=1_000)
    assert model.second is None and len(record["lines"]) == 2 and "judged" not in record
    with pytest.raises(ValueError, match="other settings"):  # its weights know nothing of pairs
        masked.load_masked(tmp_path / "checkpoints", OBJECTIVE)


def test_it_learns_which_rows_are_from_the_same_text(tmp_path) -> None:
    # Texts are runs of one token each, 70 long: what a row is of can be read off any of its tokens.
    texts = np.repeat(np.random.default_rng(0).integers(5, 55, 400), 70)
    data = ArrayTokens(texts, 60, 3)
    objective = Masked(**IDS, vocab_size=60, second="same text")
    settings = TrainSettings(steps=60, lr=0.02, evaluate_every=0, save_every=0, **QUICK)
    pretrain(CONFIG, settings, data, data, tmp_path, objective=objective)
    model = masked.load_masked(tmp_path / "checkpoints", objective)
    batch = objective.rows(
        torch.arange(5, 21)[:, None].expand(16, 60), 0.15, torch.Generator(), pieces=2
    )
    hidden = model.model.hidden(batch.inputs, token_types=batch.token_types)
    right = model.second.right(model.pooled(hidden), batch.answers)
    assert right.float().mean() > 0.9  # guessing: 1 of 31


def test_a_quarter_is_hidden() -> None:
    _, batch = rows(400)
    asked = batch.targets != -100
    assert asked.sum() / (400 * 29) == pytest.approx(0.25, abs=0.015)
    assert (batch.inputs[asked] == 4).float().mean() == pytest.approx(0.8, abs=0.03)


def test_losses_are_those_of_transformers(tmp_path) -> None:
    texts = ["The bees dance in the hive, and the dance says where. " * 4]
    train_tokenizer(texts, 60, tmp_path / "tokenizer", kind="wordpiece")
    torch.manual_seed(0)
    model = MaskedModel(LanguageModel(CONFIG, Parts.fused()), Follows(32))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    record = export(model.eval(), tmp_path / "tokenizer", tmp_path / "out")
    assert record["class"] == "BertForPreTraining"
    theirs = BertForPreTraining.from_pretrained(tmp_path / "out").eval()
    _, batch = rows()
    found = theirs(
        batch.inputs,
        token_type_ids=batch.token_types,
        labels=batch.targets,
        next_sentence_label=1 - batch.answers,  # theirs: 0 is "it follows"
    )
    both, hidden = model(*batch)
    assert both.item() == pytest.approx(found.loss.item(), abs=1e-5)
    of_tokens = torch.nn.functional.cross_entropy(
        found.prediction_logits.flatten(0, 1), batch.targets.flatten()
    )
    assert hidden.item() == pytest.approx(of_tokens.item(), abs=1e-5)
    assert theirs.config.architectures == ["BertForPreTraining"]
    AutoTokenizer.from_pretrained(tmp_path / "out")


def test_where_nothing_is_hidden_the_loss_is_a_number() -> None:
    model = MaskedModel(LanguageModel(CONFIG), None)
    batch = OBJECTIVE.rows(torch.full((2, 29), 5), 0.0, torch.Generator())
    assert model(*batch)[0].item() == 0.0


def test_it_learns_what_neighbours_tell(tmp_path) -> None:
    settings = TrainSettings(steps=300, lr=0.02, evaluate_every=0, save_every=0, **QUICK)
    data = periodic()
    record = pretrain(CONFIG, settings, data, data, tmp_path, objective=OBJECTIVE)
    assert record["bits_per_byte"] is None
    assert record["validation_loss"] < 1.5  # by frequency alone: ln 50 = 3.9
    model = masked.load_masked(tmp_path / "checkpoints", OBJECTIVE)
    assert isinstance(model, MaskedModel) and not model.training


def test_interrupted_it_goes_on_as_if_nothing_had_happened(tmp_path) -> None:
    data, settings = periodic(), {**QUICK, "save_every": 5, "evaluate_every": 0}
    pretrain(CONFIG, TrainSettings(steps=10, schedule="constant", **settings), data, data,
             tmp_path / "whole", objective=OBJECTIVE)  # fmt: skip
    for steps in (5, 10):
        pretrain(CONFIG, TrainSettings(steps=steps, schedule="constant", **settings), data, data,
                 tmp_path / "parts", objective=OBJECTIVE)  # fmt: skip
    whole, parts = (
        masked.load_masked(tmp_path / name / "checkpoints", OBJECTIVE).state_dict()
        for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_two_heads_begin_at_the_neighbours() -> None:
    torch.manual_seed(0)
    model = OBJECTIVE.module(bert(60, d_model=64, n_layers=2, n_heads=2), Parts(), 0.0).model
    attention = model.stack.blocks[0].attention
    place = model.positions.weight[:30]
    query, key = attention.query(place)[:, None], attention.key(place)[:, None]
    for head, step in enumerate((-1, 1)):
        half = slice(32 * head, 32 * head + 32)
        scores = query[:, 0, half] @ key[:, 0, half].T
        inside = torch.arange(1, 29)
        assert (scores.argmax(1)[inside] == inside + step).all()
        others = scores.scatter(1, (torch.arange(30) + step).clamp(0, 29)[:, None], 0)
        # exact but for the small random weights that the clocks were added to
        assert others[inside].abs().max() < 0.2 * scores.max()
    with pytest.raises(ValueError, match="two heads"):
        masked.look_at_neighbours(LanguageModel(bert(60, d_model=32, n_layers=1, n_heads=1)))


def test_a_model_that_cannot_be_asked_so_is_refused(tmp_path) -> None:
    data = periodic()
    with pytest.raises(ValueError, match="both sides"):
        pretrain(qwen3(60, d_model=32, n_layers=1, n_heads=2, n_kv_heads=1, d_head=16),
                 TrainSettings(steps=1, **QUICK), data, data, tmp_path, objective=OBJECTIVE)  # fmt: skip
    train_tokenizer(["some text " * 40], 270, tmp_path / "bpe")
    with pytest.raises(ValueError, match=r"\[MASK\]"):
        Masked.of(load_tokenizer(tmp_path / "bpe"))


def test_the_whole_pipeline(tmp_path, monkeypatch) -> None:
    from typer.testing import CliRunner

    from shared.cli import app

    words = ["--to", str(tmp_path / "run"), "--size", "pocket-bert", "--source", "encyclopedia"]
    for word in ("megabytes=0.15", "vocab_size=400", "n_layers=2", "d_model=32", "n_heads=2", "context=64",
                 "batch_tokens=512", "tokens=25_000", "compile=no", "precision=float32"):  # fmt: skip
        words += ["--set", word]
    result = CliRunner().invoke(app, ["llm", *words])
    assert result.exit_code == 0, (result.output, result.exception)
    record = json.loads((tmp_path / "run" / "evaluate" / "record.json").read_text("utf-8"))
    assert record["hidden_tokens"] > 100 and 0 <= record["first_right"] <= record["five_right"] <= 1
    assert "[MASK]" in result.output and "AutoModelForMaskedLM" in result.output
    card = (tmp_path / "run" / "export" / "README.md").read_text("utf-8")
    assert "AutoModelForMaskedLM" in card and "hidden" in card
    BertForPreTraining.from_pretrained(tmp_path / "run" / "export")
