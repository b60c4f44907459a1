"""`experts.route`, `experts.load_balance_loss` and `attention.LatentAttention`: cases, mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week07.now import NOTEBOOK
from shared.nn import experts, latent_attention
from shared.nn.attention import causal_mask, join_heads, padding_mask, softmax, split_heads
from shared.nn.latent_attention import LatentAttention
from shared.nn.positions import rotary

CHOOSE = "Many experts, few at work"
LATENT = "Keep one short vector"


# --- route -----------------------------------------------------------------------------------------------------------


def _routed(implementation, logits, top_k):
    """What each expert weighs for each token: right answers may list their choices in any order."""
    leaf = logits.clone().requires_grad_()
    weights, chosen = implementation(leaf, top_k)
    table = torch.zeros_like(logits).scatter_add(1, chosen, weights.detach().to(logits.dtype))
    grad = None
    if weights.requires_grad:
        (grad,) = torch.autograd.grad((weights * (chosen + 1)).sum(), leaf)
    return {
        "weights": tuple(weights.shape),
        "experts": chosen.sort(dim=1).values,
        "weight of each expert": table,
        "gradient of logits": grad,
    }


def route_without_renormalizing(logits, top_k):
    return softmax(logits).topk(top_k, dim=-1)


def route_by_plain_logits(logits, top_k):
    return logits.topk(top_k, dim=-1)


def route_by_sharing_equally(logits, top_k):
    largest, chosen = logits.topk(top_k, dim=-1)
    return torch.full_like(largest, 1 / top_k), chosen


def route_to_the_smallest(logits, top_k):
    smallest, chosen = logits.topk(top_k, dim=-1, largest=False)
    return softmax(smallest), chosen


def route_over_the_tokens(logits, top_k):
    largest, chosen = logits.topk(top_k, dim=-1)
    return softmax(largest, dim=0), chosen


def route_to_one_only(logits, top_k):
    largest, chosen = logits.topk(1, dim=-1)
    return torch.ones_like(largest), chosen


def route_dividing_logits(logits, top_k):
    largest, chosen = logits.topk(top_k, dim=-1)
    return largest / largest.sum(dim=-1, keepdim=True), chosen


def route_cut_from_the_graph(logits, top_k):
    largest, chosen = logits.detach().topk(top_k, dim=-1)
    return softmax(largest), chosen


def _route_by_renormalizing(logits, top_k):
    probabilities = torch.softmax(logits, dim=-1)
    chosen = probabilities.argsort(dim=-1, descending=True)[:, :top_k]
    weights = probabilities.gather(1, chosen)
    return weights / weights.sum(dim=1, keepdim=True), chosen


ROUTE = Exercise(
    name="experts.route",
    week=7,
    notebook=NOTEBOOK,
    reference=experts.route,
    cases=(
        Case("values", lambda: [torch.tensor([[0.0, 1.0, -1.0]]), 2], run=_routed),
        Case("values", lambda: [torch.randn(6, 5), 2], run=_routed),
        Case("one expert", lambda: [torch.randn(4, 3), 1], run=_routed),
        Case("all experts", lambda: [torch.randn(4, 3), 3], run=_routed),
        Case("large logits", lambda: [12 * torch.randn(4, 5), 3], run=_routed),
    ),
    mistakes=(
        Mistake(
            route_without_renormalizing,
            "the weights are those of a softmax over all experts, so the chosen ones sum to less than 1: take the "
            "softmax "
            "over the chosen logits only.",
            CHOOSE,
        ),
        Mistake(
            route_by_plain_logits,
            "the weights are plain logits, which may be negative: softmax over the chosen ones.",
            CHOOSE,
        ),
        Mistake(
            route_by_sharing_equally,
            "all chosen experts count the same, and the router gets no gradient: softmax over the chosen logits.",
            CHOOSE,
        ),
        Mistake(
            route_to_the_smallest,
            "the experts with the smallest logits are chosen: take the largest.",
            CHOOSE,
        ),
        Mistake(
            route_over_the_tokens,
            "the softmax runs over the tokens (dim=0): each token shares its own 1 among its experts, dim=-1.",
            CHOOSE,
        ),
        Mistake(route_to_one_only, "only one expert is chosen, whatever top_k says.", CHOOSE),
        Mistake(
            route_dividing_logits,
            "the logits are divided by their sum, which may be near 0 or negative: softmax makes positive weights of "
            "them.",
            CHOOSE,
        ),
        Mistake(
            route_cut_from_the_graph,
            ".detach() cuts the router out of the graph: it would never learn where to send a token.",
            CHOOSE,
        ),
    ),
    hints=(
        "If only two of eight experts work, what must their two weights sum to?",
        "logits.topk(top_k, dim=-1) gives the largest logits and their places; the softmax of these logits are the "
        "weights.",
        "largest, experts = logits.topk(top_k, dim=-1); return softmax(largest), experts",
    ),
    alternatives=(_route_by_renormalizing,),
)


# --- load_balance_loss -----------------------------------------------------------------------------------------------


def _balance(implementation, logits, chosen):
    leaf = logits.clone().requires_grad_()
    loss = implementation(leaf, chosen)
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return {"loss": loss, "gradient of logits": None}
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    return {"loss": loss.detach(), "gradient of logits": gradient}


def _share(chosen, n_experts):
    return torch.bincount(chosen.flatten(), minlength=n_experts) / chosen.numel()


def balance_without_the_factor(logits, experts):
    n_experts = logits.shape[-1]
    return (_share(experts, n_experts) * softmax(logits).mean(dim=0)).sum()


def balance_of_counts(logits, experts):
    n_experts = logits.shape[-1]
    counts = torch.bincount(experts.flatten(), minlength=n_experts).to(logits.dtype)
    return n_experts * (counts * softmax(logits).mean(dim=0)).sum()


def balance_for_each_token(logits, experts):
    n_experts = logits.shape[-1]
    share = torch.bincount(experts.flatten(), minlength=n_experts) / len(logits)
    return n_experts * (share * softmax(logits).mean(dim=0)).sum()


def balance_of_summed_probabilities(logits, experts):
    n_experts = logits.shape[-1]
    return n_experts * (_share(experts, n_experts) * softmax(logits).sum(dim=0)).sum()


def balance_of_logits(logits, experts):
    n_experts = logits.shape[-1]
    return n_experts * (_share(experts, n_experts) * logits.mean(dim=0)).sum()


def balance_of_shares_only(logits, experts):
    share = _share(experts, logits.shape[-1])
    return logits.shape[-1] * (share * share).sum()


def balance_of_probabilities_only(logits, experts):
    mean = softmax(logits).mean(dim=0)
    return logits.shape[-1] * (mean * mean).sum()


def balance_of_the_first_choice(logits, experts):
    n_experts = logits.shape[-1]
    return n_experts * (_share(experts[:, :1], n_experts) * softmax(logits).mean(dim=0)).sum()


def balance_with_the_wrong_axis(logits, experts):
    n_experts = logits.shape[-1]
    return n_experts * (_share(experts, n_experts) * softmax(logits, dim=0).mean(dim=0)).sum()


def _balance_by_one_hot(logits, experts):
    n_experts = logits.shape[-1]
    chosen = nn.functional.one_hot(experts, n_experts).to(logits.dtype)  # (n, top_k, e)
    return n_experts * (chosen.mean(dim=(0, 1)) * torch.softmax(logits, -1).mean(dim=0)).sum()


LOAD_BALANCE_LOSS = Exercise(
    name="experts.load_balance_loss",
    week=7,
    notebook=NOTEBOOK,
    reference=experts.load_balance_loss,
    cases=(
        Case(
            "values",
            lambda: [torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[1], [0]])],
            run=_balance,
        ),
        Case(
            "all to one",
            lambda: [torch.tensor([[5.0, 0.0, 0.0]] * 3), torch.zeros(3, 1).long()],
            run=_balance,
        ),
        Case(
            "two choices",
            lambda: [torch.randn(7, 4), torch.rand(7, 4).argsort(dim=1)[:, :2]],
            run=_balance,
        ),
        Case(
            "an expert that nobody chose",
            lambda: [torch.randn(5, 6), torch.tensor([[0, 1]] * 5)],
            run=_balance,
        ),
    ),
    mistakes=(
        Mistake(
            balance_without_the_factor,
            "the factor e, the number of experts, is missing: with it an even load costs 1, however many there are.",
            CHOOSE,
        ),
        Mistake(
            balance_of_counts,
            "the choices are counted and not divided by how many there are: take shares, which sum to 1.",
            CHOOSE,
        ),
        Mistake(
            balance_for_each_token,
            "the choices are divided by the number of tokens; with two choices each the shares then sum to 2: divide "
            "by "
            "the number of choices.",
            CHOOSE,
        ),
        Mistake(
            balance_of_summed_probabilities,
            "the probabilities are summed over the tokens: take their mean, or a longer batch costs more.",
            CHOOSE,
        ),
        Mistake(
            balance_of_logits,
            "logits are averaged where probabilities belong: softmax first.",
            CHOOSE,
        ),
        Mistake(
            balance_of_shares_only,
            "the shares are squared; they come from counting and have no gradient, so the router would learn nothing: "
            "multiply them with the mean probabilities.",
            CHOOSE,
        ),
        Mistake(
            balance_of_probabilities_only,
            "the probabilities are squared and the actual choices do not enter: multiply by the share of the choices.",
            CHOOSE,
        ),
        Mistake(
            balance_of_the_first_choice,
            "only each token's first choice is counted: all top_k of them are work for an expert.",
            CHOOSE,
        ),
        Mistake(
            balance_with_the_wrong_axis,
            "the softmax runs over the tokens; a token shares its 1 among the experts, dim=-1.",
            CHOOSE,
        ),
    ),
    hints=(
        "Which of the two factors can be counted only, and through which does the gradient flow?",
        "For each expert: its share of all choices (torch.bincount with minlength), times the mean of its "
        "probability over "
        "the tokens. Sum, times the number of experts.",
        "share = torch.bincount(experts.flatten(), minlength=e) / experts.numel(); return e * (share * "
        "softmax(logits).mean(dim=0)).sum()",
    ),
    alternatives=(_balance_by_one_hot,),
)


# --- LatentAttention -------------------------------------------------------------------------------------------------


class _Latent(LatentAttention):
    """The reference with steps that a mistake can replace."""

    def forward(self, x, mask=None, positions=None):
        latent, key_turned = self.to_keep(x, positions)
        key, value = self.expanded(latent)
        query, query_turned = self.queries(x, positions)
        query = torch.cat([query, query_turned], dim=-1)
        shared = key_turned.unsqueeze(-3).expand(*key.shape[:-1], self.d_turned)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        looked = self.attention(query, torch.cat([key, shared], dim=-1), value, mask)
        return self.output(join_heads(looked))

    def expanded(self, latent):
        return split_heads(self.expand(latent), self.n_heads).chunk(2, dim=-1)

    def queries(self, x, positions):
        query = split_heads(self.query(x), self.n_heads)
        plain, turned = query.split([self.d, self.d_turned], dim=-1)
        return plain, rotary(turned, positions)


class LatentWithoutItsNorm(_Latent):
    def to_keep(self, x, positions=None):
        latent, turned = self.compress(x).split([self.d_latent, self.d_turned], dim=-1)
        return latent, rotary(turned, positions)


class LatentWithoutTurning(_Latent):
    def to_keep(self, x, positions=None):
        latent, turned = self.compress(x).split([self.d_latent, self.d_turned], dim=-1)
        return self.latent_norm(latent), turned

    def queries(self, x, positions):
        query = split_heads(self.query(x), self.n_heads)
        return query.split([self.d, self.d_turned], dim=-1)


class LatentThatTurnsOnlyKeys(_Latent):
    def queries(self, x, positions):
        query = split_heads(self.query(x), self.n_heads)
        return query.split([self.d, self.d_turned], dim=-1)


class LatentThatIgnoresPositions(_Latent):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x, mask)


class LatentWithValueAndKeySwapped(_Latent):
    def expanded(self, latent):
        value, key = split_heads(self.expand(latent), self.n_heads).chunk(2, dim=-1)
        return key, value


class LatentCutBeforeItIsSplit(_Latent):
    def expanded(self, latent):
        return tuple(
            split_heads(half, self.n_heads) for half in self.expand(latent).chunk(2, dim=-1)
        )


class LatentWithTheTurnedPartFirst(_Latent):
    def to_keep(self, x, positions=None):
        turned, latent = self.compress(x).split([self.d_turned, self.d_latent], dim=-1)
        return self.latent_norm(latent), rotary(turned, positions)


class LatentWithoutItsMask(_Latent):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x, None, positions)


class LatentWithTheNormOverBoth(_Latent):
    def to_keep(self, x, positions=None):
        both = self.compress(x)
        both = both * torch.rsqrt(both.square().mean(dim=-1, keepdim=True) + self.latent_norm.eps)
        latent, turned = both.split([self.d_latent, self.d_turned], dim=-1)
        return latent * self.latent_norm.weight, rotary(turned, positions)


class _LatentByHeads(LatentAttention):
    """One head after the other."""

    def forward(self, x, mask=None, positions=None):
        latent, turned = self.to_keep(x, positions)
        width, looked = self.d + self.d_turned, []
        for head in range(self.n_heads):
            query = self.query(x)[..., head * width : (head + 1) * width]
            query = torch.cat([query[..., : self.d], rotary(query[..., self.d :], positions)], -1)
            both = self.expand(latent)[..., 2 * head * self.d : 2 * (head + 1) * self.d]
            key = torch.cat([both[..., : self.d], turned], dim=-1)
            looked.append(self.attention(query, key, both[..., self.d :], mask))
        return self.output(torch.cat(looked, dim=-1))


def _latent(implementation, x, mask=None, positions=None):
    """With given weights: the output, what is to be kept, and the gradient."""
    torch.manual_seed(4)
    module = implementation(8, 2, 6, 4, 2)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for _, p in sorted(module.named_parameters(), key=lambda pair: pair[0]):
            p.copy_(torch.randn(p.shape, generator=generator) * 0.6)
    x = x.clone().requires_grad_()
    output = module(x, mask, positions)
    kept = [part.detach() for part in module.to_keep(x, positions)]
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    (output * torch.linspace(1, 2, output.numel()).reshape(output.shape)).sum().backward()
    return {"kept": kept, "output": output.detach(), "gradient of x": x.grad}


LATENT_ATTENTION = Exercise(
    name="attention.LatentAttention",
    week=7,
    notebook=NOTEBOOK,
    reference=latent_attention.LatentAttention,
    cases=(
        Case("one token", lambda: [torch.randn(1, 8)], run=_latent),
        Case("values", lambda: [torch.randn(2, 5, 8), causal_mask(5)], run=_latent),
        Case(
            "a mask for each text",
            lambda: [torch.randn(2, 5, 8), padding_mask(torch.tensor([5, 2])) & causal_mask(5)],
            run=_latent,
        ),
        Case(
            "positions that are given",
            lambda: [torch.randn(2, 4, 8), None, 3 * torch.arange(4)],
            run=_latent,
        ),
    ),
    mistakes=(
        Mistake(
            LatentWithoutItsNorm,
            "the latent is not normed: self.latent_norm stands between compressing and expanding.",
            LATENT,
        ),
        Mistake(
            LatentWithoutTurning,
            "the last d_turned numbers of queries and keys are not turned, so no position enters: rotary of both.",
            LATENT,
        ),
        Mistake(
            LatentThatTurnsOnlyKeys,
            "only the keys are turned; the score depends on the distance only if the queries' part is turned too.",
            LATENT,
        ),
        Mistake(
            LatentThatIgnoresPositions,
            "the positions that are given are not used: pass them to rotary.",
            LATENT,
        ),
        Mistake(
            LatentWithValueAndKeySwapped,
            "of what is expanded for a head the first d numbers are its key, the others its value; they are swapped.",
            LATENT,
        ),
        Mistake(
            LatentCutBeforeItIsSplit,
            "what is expanded is cut in half before it is split into heads: split first, then each head's 2 · d "
            "numbers in "
            "key and value.",
            LATENT,
        ),
        Mistake(
            LatentWithTheTurnedPartFirst,
            "of what is compressed the first d_latent numbers are the latent, and the last d_turned the key's turned "
            "part.",
            LATENT,
        ),
        Mistake(
            LatentWithoutItsMask,
            "the mask is not passed on: hand it to the attention, with an axis for the heads.",
            LATENT,
        ),
        Mistake(
            LatentWithTheNormOverBoth,
            "the norm is taken over latent and turned part together: it is the latent's alone.",
            LATENT,
        ),
    ),
    hints=(
        "What has to be kept of a token, and which layers can be applied later to what was kept?",
        "to_keep: compress, split into latent and turned part, norm the one, turn the other. forward: expand the "
        "latent "
        "into keys and values of all heads, put the turned part (the same for all heads) behind each key, attend.",
        "key, value = split_heads(self.expand(latent), self.n_heads).chunk(2, dim=-1); shared = "
        "turned.unsqueeze(-3).expand(*key.shape[:-1], self.d_turned); key = torch.cat([key, shared], dim=-1)",
    ),
    alternatives=(_LatentByHeads,),
)
