"""Nearest vectors without looking at all of them: lists of near ones, of which a few are searched (week 9, explore).

    lists = listed(nearest, len(centres))                        # nearest: of k-means, (n,)
    places, scores = ivf_search(query, centres, lists, vectors, probes=4, k=10)

Vectors are put into lists, each with the centre that they are nearest to (`shared.nn.clusters.k_means`). A search looks
at the lists whose centres are nearest to the query, and at no other vector: an inverted file, "IVF". What lies across
a border is missed; more probes miss less and cost more.
Source: Jégou, Douze & Schmid, "Product Quantization for Nearest Neighbor Search" (2011), section IV; Johnson, Douze &
Jégou, "Billion-scale similarity search with GPUs" (1702.08734), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def listed(nearest: Tensor, n_lists: int) -> list[Tensor]:
    """The places of each list's vectors, rising: n_lists tensors of int64.   nearest: (n,), from 0 to n_lists − 1"""
    return [torch.nonzero(nearest == number)[:, 0] for number in range(n_lists)]


def ivf_search(
    query: Tensor,
    centres: Tensor,
    lists: Sequence[Tensor],
    vectors: Tensor,
    probes: int = 1,
    k: int = 10,
) -> tuple[Tensor, Tensor]:
    """The k best vectors in the `probes` lists whose centres are nearest to the query: places and scores, best first.

    query: (d,)   centres: (n_lists, d)   lists: for each centre, the places of its vectors   vectors: (n, d)
    A score is the inner product with the query. Fewer than k where those lists hold fewer.
    """
    distances = (centres - query).square().sum(dim=1)  # (n_lists,)
    nearest = distances.topk(probes, largest=False).indices
    places = torch.cat([lists[number] for number in nearest.tolist()])
    scores = vectors[places] @ query
    best = scores.topk(min(k, len(places)))
    return places[best.indices], best.values
