"""`shared.text.tfidf` against scikit-learn's TfidfVectorizer and TfidfTransformer."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from shared import data
from shared.text.normalization import normalize, words
from shared.text.tfidf import count_words, tf_idf
from shared.text.vocabulary import build_vocabulary


def test_a_whole_encyclopedia_as_tfidf_vectorizer_sees_it() -> None:
    texts = [article.text for article in data.encyclopedia(limit=200).articles]
    documents = [words(normalize(text)) for text in texts]
    vocabulary = build_vocabulary(documents)
    ours = tf_idf(count_words(documents, vocabulary).double())
    vectorizer = TfidfVectorizer(
        preprocessor=normalize, token_pattern=r"(?u)\w+", vocabulary=vocabulary
    )
    theirs = vectorizer.fit_transform(texts).toarray()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(tf_idf(count_words(documents, vocabulary)), theirs, atol=1e-6)
    np.testing.assert_allclose((ours @ ours.T).numpy(), cosine_similarity(theirs), atol=1e-12)


@pytest.mark.parametrize(("documents", "vocabulary"), [(1, 5), (40, 3), (7, 90)])
def test_random_counts(documents: int, vocabulary: int) -> None:
    counts = torch.poisson(torch.rand(documents, vocabulary) * 1.5).double()
    counts[0] = 0  # a document without words
    counts[:, -1] = 0  # a word without documents
    theirs = TfidfTransformer().fit_transform(counts.numpy()).toarray()
    np.testing.assert_allclose(tf_idf(counts).numpy(), theirs, rtol=1e-12, atol=1e-12)


def test_a_document_longer_than_another_on_the_same_matter_is_the_same() -> None:
    counts = torch.tensor([[1.0, 2.0, 0.0], [10.0, 20.0, 0.0], [0.0, 1.0, 4.0]])
    rows = tf_idf(counts)
    torch.testing.assert_close(rows[0], rows[1])
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))


def test_counts() -> None:
    counts = count_words([["a", "b", "a"], [], ["c", "b"]], {"a": 0, "b": 1})
    assert counts.tolist() == [[2, 1], [0, 0], [0, 1]]
