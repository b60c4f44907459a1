"""`recurrent.SequenceClassifier`: cases, known mistakes, hints."""

import torch
import torch.nn.functional as F
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week05.gates import NOTEBOOK
from shared.nn import padded, sequence_classifier
from shared.training.regularization import dropout

SECTION = "The classifier"


class _Sums(nn.Module):
    """A reader that can be followed by eye: sums so far, zeros past the end; it remembers what it was given."""

    def __init__(self, d):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d))
        self.seen = []

    def forward(self, x, lengths):
        self.seen.append(x.detach())
        mask = padded.real_tokens(lengths, x.shape[1])[..., None]
        return torch.cumsum(x * self.scale, dim=1).masked_fill(~mask, 0.0)


def _network(implementation, d, n_classes, p=0.0, n_tokens=7):
    """A classifier with known weights; the embedding of id k holds m = k − 3, m / 10, m / 100, …, of either sign."""
    network = implementation(n_tokens, d, _Sums(d), d, n_classes, p)
    rows = torch.arange(n_tokens, dtype=torch.float32)[:, None] - 3
    with torch.no_grad():
        network.embedding.weight.copy_(rows / 10.0 ** torch.arange(d))
        for name, value in (("weight", 0.1), ("bias", 1.0)):
            out = getattr(network.output, name)
            out.copy_(value * (torch.arange(out.numel()).reshape(out.shape) % 5 - 1.5))
    return network


def _logits(implementation, ids, lengths, d=1, n_classes=2):
    return _network(implementation, d, n_classes).eval()(ids, lengths).detach()


def _wide_logits(implementation, ids, lengths):
    return _logits(implementation, ids, lengths, d=3, n_classes=4)


def _another_padding(implementation, ids, lengths, wider):
    """Whether the same sentences get the same logits in a wider table that is filled with other ids."""
    network = _network(implementation, 2, 2).eval()
    one, other = network(ids, lengths).detach(), network(wider, lengths).detach()
    return {"logits": one, "the same in a wider table": torch.allclose(one, other, atol=1e-5)}


def _parameters(implementation, n_tokens, d, d_features, n_classes):
    """Names and shapes of the parameters, with a reader that has other features than inputs."""
    reader = padded.Layer(nn.GRU(d, d_features, batch_first=True))
    network = implementation(n_tokens, d, reader, d_features, n_classes)
    return {name: tuple(p.shape) for name, p in network.named_parameters()}


def _gradients(implementation, ids, lengths):
    network = _network(implementation, 2, 3).eval()
    logits = network(ids, lengths)
    (logits * torch.linspace(1.0, 2.0, logits.numel()).reshape(logits.shape)).sum().backward()
    return {
        f"gradient of {name}": torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in network.named_parameters()
    }


def _dropped(implementation, p):
    """What is dropped, and where: shares of zeros in what the reader is given and in what reaches the output layer."""
    d, n, t = 40, 60, 3
    network = implementation(5, d, _Sums(d), d, 2 * d, p)
    with torch.no_grad():
        network.embedding.weight.fill_(1.0)
        network.output.weight.copy_(torch.eye(2 * d)[:, : network.output.weight.shape[1]])
        network.output.bias.zero_()
    ids, lengths = torch.ones(n, t, dtype=torch.int64), torch.full((n,), t)
    found = {}
    for mode in ("training", "evaluation"):
        network.train(mode == "training")
        logits = network(ids, lengths).detach()
        x = network.reader.seen[-1]
        found[f"{mode}: zeros in the embeddings"] = (x == 0).double().mean().item()
        found[f"{mode}: mean of the embeddings"] = x.double().mean().item()
        # A feature is 0 before pooling only where all three of its embeddings were dropped.
        found[f"{mode}: zeros in what is pooled"] = (logits == 0).double().mean().item()
    return found


def _modes(implementation, p):
    """Whether the same input gets the same answer twice."""
    network = _network(implementation, 40, 2, p)
    ids, lengths = torch.full((4, 3), 2), torch.tensor([3, 3, 2, 1])
    found = {}
    for mode in ("training", "evaluation"):
        network.train(mode == "training")
        once, again = network(ids, lengths), network(ids, lengths)
        found[f"the same answer twice in {mode}"] = torch.equal(once, again)
    return found


class _Classifier(sequence_classifier.SequenceClassifier):
    """The reference in pieces, so that the mistakes below can be small."""

    def forward(self, ids, lengths):
        x = self.drop(self.embed(ids))
        features = self.reader(x, lengths)
        pooled = self.pool(features, padded.real_tokens(lengths, ids.shape[1]), x, lengths)
        return self.output(self.drop_pooled(pooled))

    def embed(self, ids):
        return self.embedding(ids)

    def drop(self, x):
        return dropout(x, self.p, self.training)

    def drop_pooled(self, x):
        return self.drop(x)

    def pool(self, features, mask, x, lengths):
        means = padded.masked_mean(features, mask)
        return torch.cat([means, padded.masked_max(features, mask)], dim=-1)


class ClassifierOfTheLastColumn(_Classifier):
    def pool(self, features, mask, x, lengths):
        last = features[:, -1]
        return torch.cat([last, last], dim=-1)


class ClassifierOfTheLastWord(_Classifier):
    def pool(self, features, mask, x, lengths):
        last = features[torch.arange(len(features)), lengths - 1]
        return torch.cat([last, last], dim=-1)


class ClassifierThatCountsThePadding(_Classifier):
    def pool(self, features, mask, x, lengths):
        return torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=-1)


class ClassifierWithMeanOverThePadding(_Classifier):
    def pool(self, features, mask, x, lengths):
        return torch.cat([features.mean(dim=1), padded.masked_max(features, mask)], dim=-1)


class ClassifierWithMaxOverThePadding(_Classifier):
    def pool(self, features, mask, x, lengths):
        return torch.cat([padded.masked_mean(features, mask), features.amax(dim=1)], dim=-1)


class ClassifierWithMaxFirst(_Classifier):
    def pool(self, features, mask, x, lengths):
        largest = padded.masked_max(features, mask)
        return torch.cat([largest, padded.masked_mean(features, mask)], dim=-1)


class ClassifierWithTheMeanTwice(_Classifier):
    def pool(self, features, mask, x, lengths):
        return torch.cat([padded.masked_mean(features, mask)] * 2, dim=-1)


class ClassifierWithoutItsReader(_Classifier):
    def pool(self, features, mask, x, lengths):
        return super().pool(x, mask, x, lengths)


class ClassifierThatReadsToTheEndOfTheTable(_Classifier):
    def forward(self, ids, lengths):
        return super().forward(ids, torch.full_like(lengths, ids.shape[1]))


class ClassifierOfProbabilities(_Classifier):
    def forward(self, ids, lengths):
        return super().forward(ids, lengths).softmax(dim=-1)


class ClassifierWithRelu(_Classifier):
    def forward(self, ids, lengths):
        return torch.relu(super().forward(ids, lengths))


class ClassifierThatNeverStopsDropping(_Classifier):
    def drop(self, x):
        return dropout(x, self.p, True)


class ClassifierWithoutDropout(_Classifier):
    def drop(self, x):
        return x


class ClassifierThatDropsEmbeddingsOnly(_Classifier):
    def drop_pooled(self, x):
        return x


class ClassifierThatDropsPooledOnly(_Classifier):
    def drop(self, x):
        return x

    def drop_pooled(self, x):
        return dropout(x, self.p, self.training)


class ClassifierWithFrozenEmbeddings(_Classifier):
    def embed(self, ids):
        return self.embedding(ids).detach()


class _ClassifierByFunctions(nn.Module):
    def __init__(self, n_tokens, d_embedding, reader, d_features, n_classes, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, d_embedding)
        self.reader = reader
        self.output = nn.Linear(d_features + d_features, n_classes)
        self.share = dropout

    def forward(self, ids, lengths):
        x = F.dropout(F.embedding(ids, self.embedding.weight), self.share, self.training)
        rows = [row[:length] for row, length in zip(self.reader(x, lengths), lengths.tolist())]
        pooled = torch.stack([torch.cat([row.mean(0), row.max(0).values]) for row in rows])
        return self.output(F.dropout(pooled, self.share, self.training))


class _ClassifierByModules(nn.Module):
    def __init__(self, n_tokens, d_embedding, reader, d_features, n_classes, dropout=0.0):
        super().__init__()
        self.embedding, self.reader = nn.Embedding(n_tokens, d_embedding), reader
        self.drop, self.output = nn.Dropout(dropout), nn.Linear(2 * d_features, n_classes)

    def forward(self, ids, lengths):
        features = self.reader(self.drop(self.embedding(ids)), lengths)
        mask = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).unsqueeze(-1)
        mean = (features * mask).sum(1) / lengths.unsqueeze(1)
        largest = features.masked_fill(~mask, float("-inf")).max(dim=1).values
        return self.output(self.drop(torch.cat((mean, largest), 1)))


def _two_sentences():
    """The ids 4 and 5, then a 1 alone; the padding is id 6, so that it cannot pass for nothing."""
    return [torch.tensor([[4, 5], [1, 6]]), torch.tensor([2, 1])]


def _some(n=4, t=5):
    return [torch.randint(0, 7, (n, t)), torch.arange(n) % t + 1]


def _wider():
    ids, lengths = _some()
    wider = torch.cat([ids, torch.randint(0, 7, (4, 3))], dim=1)
    past = ~padded.real_tokens(lengths, 8)
    return [ids, lengths, torch.where(past, 6 - wider, wider)]


SEQUENCE_CLASSIFIER = Exercise(
    name="recurrent.SequenceClassifier",
    week=5,
    notebook=NOTEBOOK,
    reference=sequence_classifier.SequenceClassifier,
    cases=(
        Case("values", _two_sentences, run=_logits),
        Case("shapes", _some, run=_wide_logits),
        Case("padding does not count", _wider, run=_another_padding),
        Case("names and shapes of the parameters", lambda: [9, 3, 5, 2], run=_parameters),
        Case("gradients", _some, run=_gradients),
        Case("dropout in both places", lambda: [0.5], run=_dropped, atol=0.05, rtol=0.0),
        Case("dropout while training only", lambda: [0.3], run=_modes),
    ),
    mistakes=(
        Mistake(
            ClassifierOfTheLastColumn,
            "the last column of the table is taken, which is padding for most sentences: pool over the real words.",
            SECTION,
        ),
        Mistake(
            ClassifierOfTheLastWord,
            "only the last word's features are used; take mean and largest over all words of the sentence.",
            SECTION,
        ),
        Mistake(
            ClassifierThatCountsThePadding,
            "mean and maximum run over the padding too: use masked_mean and masked_max with the mask.",
            SECTION,
        ),
        Mistake(
            ClassifierWithMeanOverThePadding,
            "the mean runs over the padding too: masked_mean(features, mask).",
            SECTION,
        ),
        Mistake(
            ClassifierWithMaxOverThePadding,
            "the largest number is sought in the padding too, where zeros stand: masked_max(features, mask).",
            SECTION,
        ),
        Mistake(
            ClassifierWithMaxFirst,
            "the two halves of what is pooled are swapped: the mean stands first, then the largest.",
            SECTION,
        ),
        Mistake(
            ClassifierWithTheMeanTwice,
            "the mean stands there twice: the second half is masked_max.",
            SECTION,
        ),
        Mistake(
            ClassifierWithoutItsReader,
            "the embeddings are pooled as they are, and what the reader made of them is lost: that is a bag of words.",
            SECTION,
        ),
        Mistake(
            ClassifierThatReadsToTheEndOfTheTable,
            "every sentence is taken to be as long as the table: reader and mask need the lengths.",
            SECTION,
        ),
        Mistake(
            ClassifierOfProbabilities,
            "a softmax stands at the end; the loss takes logits and does that itself.",
            SECTION,
        ),
        Mistake(
            ClassifierWithRelu,
            "a relu stands at the end; logits may be negative: return what the output layer gives.",
            SECTION,
        ),
        Mistake(
            ClassifierThatNeverStopsDropping,
            "it drops in evaluation too: hand self.training to dropout.",
            SECTION,
        ),
        Mistake(
            ClassifierWithoutDropout,
            "nothing is dropped: dropout belongs after the embeddings and before the output layer.",
            SECTION,
        ),
        Mistake(
            ClassifierThatDropsEmbeddingsOnly,
            "only embeddings are dropped; what is pooled goes through dropout too, before the output layer.",
            SECTION,
        ),
        Mistake(
            ClassifierThatDropsPooledOnly,
            "only what is pooled is dropped; the embeddings go through dropout too, before the reader.",
            SECTION,
        ),
        Mistake(
            ClassifierWithFrozenEmbeddings,
            "detach() cuts the embeddings out of the graph, so no word ever learns anything.",
            SECTION,
        ),
    ),
    hints=(
        "Go along the shapes: ids (n, t), then (n, t, d_embedding), (n, t, d_features), (n, 2 · d_features), (n, c). "
        "What makes each of the next?",
        "Embedding, dropout, reader (which needs the lengths), mask, masked_mean and masked_max side by side by "
        "torch.cat along the last dimension, dropout, output layer. dropout takes self.training.",
        "pooled = torch.cat([masked_mean(features, mask), masked_max(features, mask)], dim=-1); "
        "return self.output(dropout(pooled, self.p, self.training))",
    ),
    alternatives=(_ClassifierByFunctions, _ClassifierByModules),
)
