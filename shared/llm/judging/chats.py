"""How well a model answers: the last turn of conversations that it has not seen, checked by a program. Week 9.

    texts = answers(model, tokenizer, data.chats().test)
    passed(data.chats().test, texts)        # {"arithmetic": (7, 18), "encyclopedia": (21, 59), …}

A check is a condition that the answer fulfils or not (`shared.data.checks`): "contains Paris", "its last number is 12".
It measures, it does not judge: a poor answer can fulfil it, and a good one can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.data.checks import satisfies
from shared.data.rows import Conversation
from shared.llm.adapting.sft import messages_of
from shared.llm.model import LanguageModel
from shared.llm.serve.chat_forms import ChatForm, chatml
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing.generate import Completion, Sampling, write
from shared.llm.writing.text_pieces import TextPieces


def asked(row: Any) -> list[dict[str, str]]:
    """A conversation without its last answer: what the model is given. row: what `sft.messages_of` takes."""
    return messages_of(row)[:-1]


def answers(
    model: LanguageModel,
    tokenizer: Tokenizer,
    rows: Sequence[Any],
    settings: Sampling | None = None,
    form: ChatForm | None = None,
    **more: Any,
) -> list[Completion]:
    """What a model answers to the last question of each conversation.

    rows:     conversations that end with an assistant's turn, which is not shown to the model
    settings: by default greedy, 48 tokens   form: by default ChatML; `chat_forms.plain` for a model that knows no marks
    more:     of `write`: sample, cache, batch_size

    A completion's `text` is the answer, and its `reason` "stop" where the model ended it by itself.
    """
    settings = settings or Sampling(max_tokens=48, temperature=0)
    form = form or chatml(tokenizer)
    prompts = [form.encode(asked(row)) for row in rows]
    # An answer ends with <|im_end|>; a transcript, which has no such mark, where the next speaker begins.
    end = tokenizer.special["<|im_end|>"] if form.name == "chatml" else tokenizer.eos_id
    found: dict[int, Completion] = {}
    pieces: dict[int, TextPieces] = {}
    for number, completion in write(model, prompts, settings, end, **more):
        if number not in found:
            found[number] = completion
            pieces[number] = TextPieces(tokenizer, (*settings.stop, *form.stop))
        for token in completion.tokens[len(pieces[number].tokens) :]:
            pieces[number].add(token)
        if pieces[number].stopped is not None:
            completion.reason = "stop"
        if completion.reason is not None:
            pieces[number].rest()
        completion.text = pieces[number].text
    return [found[number] for number in range(len(prompts))]


def passed(
    rows: Sequence[Conversation], texts: Sequence[Completion | str]
) -> dict[str, tuple[int, int]]:
    """By kind of conversation: (answers that fulfil their check, conversations that have one); "all" comes last.

    Raises ValueError where there are not as many answers as conversations.
    """
    if len(rows) != len(texts):
        raise ValueError(f"there are {len(texts)} answers to {len(rows)} conversations.")
    counts: dict[str, tuple[int, int]] = {}
    for row, text in zip(rows, texts):
        if row.check is None:
            continue
        right = satisfies(row.check, text if isinstance(text, str) else text.text)
        for kind in (row.kind, "all"):
            good, total = counts.get(kind, (0, 0))
            counts[kind] = (good + right, total + 1)
    everything = counts.pop("all", (0, 0))
    return {**dict(sorted(counts.items())), "all": everything}
