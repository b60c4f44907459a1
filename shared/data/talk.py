"""Conversations, instructions and preferences for fine-tuning (week 9), real ones and the course's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.data import pack, places, readers, transfer
from shared.data.errors import broken
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.rows import Conversation, Instruction, Message, Preference
from shared.data.source import Dataset
from shared.data.splits import Records
from shared.data.splitting import cut

GITHUB = "https://raw.githubusercontent.com"
BOOK = f"{GITHUB}/rasbt/LLMs-from-scratch/main/ch07"
# file → where it can be had, SHA-256
TOPICAL = {
    "valid_freq.json": "d14e8bde94fa5556d4aad8fd3fb666df674e4fef8b4193c8c3c06c72822a366b",
    "test_freq.json": "3c65693d59e40a1fb58ead35dcfe85fbcc88ea93a4d74557df620996f72c8f08",
}
TOPICAL_COMMITS = ("8a485f76337a40dfab842426caeaa94fd8212db4", "master")
INSTRUCTIONS_SHA256 = "7e09a9af353722ca15c18bc580f093f9c39d3178335a75177319cb1e1d163944"
SEED_TASKS_SHA256 = "7779004fa198fdf27cf70a159363879d8a26c53329e11b436af17b3941875f48"
PREFERENCES_SHA256 = "305315abf14f65fa42c01a0877572f832606571c2a7d49f152ac1d758b16756e"
PREFERENCES_FILE = "instruction-data-with-preference.json"


def conversations() -> Dataset:
    """Topical-Chat (Gopalakrishnan et al. 2019), talk in pairs: `train` and `test` of `Conversation`, 539 each.

    Whoever speaks first is the user, the other the assistant. The splits are the published "valid_freq" and
    "test_freq"; the large training file is not used.
    Layout of the folder `chat`: `valid_freq.json.gz` and `test_freq.json.gz`, or
    unpacked. Stand-in: `chats()`.
    """
    return look_up(CONVERSATIONS)


def chats() -> Dataset:
    """Short conversations in a plain assistant's voice, written for this course: `train` and `test` of `Conversation`.

    `check` says how an answer can be judged by a program, where it can.
    """
    return ours(
        "chats", Found({split: Records(rows) for split, rows in pack.conversations().items()})
    )


def instructions() -> Dataset:
    """Tasks and answers: `train` (990), `test` (110) and `seed_tasks` (175) of `Instruction`.

    The first two are the 1,100 tasks of Raschka's *Build a Large Language Model (From Scratch)*, 90/10 % by seed 0,
    since upstream has no split; the third, tasks by people that Self-Instruct began with (Wang et al. 2022,
    2212.10560).
    Layout of the folder `instruction`: `instruction-data.json`, `seed_tasks.jsonl`.
    Stand-in: `chat_instructions()`, without `seed_tasks`.
    """
    return look_up(INSTRUCTIONS)


def chat_instructions() -> Dataset:
    """Those of the course's conversations that are one question and one answer: `train` and `test` of `Instruction`."""
    splits = {}
    for split, rows in pack.conversations().items():
        short = [
            row
            for row in rows
            if [message.role for message in row.messages] == ["user", "assistant"]
        ]
        splits[split] = Records(
            tuple(
                Instruction(row.id, row.messages[0].content, "", row.messages[1].content)
                for row in short
            )
        )
    return ours("chat_instructions", Found(splits))


def preferences() -> Dataset:
    """Better and worse answers: `train` (990) and `test` (110) of `Preference`, made for Raschka's book by Llama 3.1.

    The worse answers are usually the ruder ones. Upstream has no split: 90/10 % by seed 0.
    Layout of the folder `preference`: `instruction-data-with-preference.json`. Stand-in: `preference_pairs()`.
    """
    return look_up(PREFERENCES)


def preference_pairs() -> Dataset:
    """Better and worse answers with the reason, written for this course: `train` and `test` of `Preference`."""
    return ours(
        "preference_pairs",
        Found({split: Records(rows) for split, rows in pack.preferences().items()}),
    )


def _read_conversations(folder: Path) -> Found | None:
    paths = {}
    for split, name in zip(("train", "test"), TOPICAL, strict=True):
        paths[split] = next(
            (p for p in (folder / f"{name}.gz", folder / name) if places.present(p)), None
        )
    if not any(paths.values()):
        return None
    for split, path in paths.items():
        if path is None:
            raise broken(
                folder,
                f"lacks the file of the split {split}",
                "Copy both files, or remove the folder.",
            )
    return Found({split: Records(_topical(path)) for split, path in paths.items()})


def _topical(path: Path) -> tuple[Conversation, ...]:
    rows = []
    try:
        for key, talk in readers.read_json(path).items():
            first = talk["content"][0]["agent"]
            messages = tuple(
                Message("user" if turn["agent"] == first else "assistant", turn["message"].strip())
                for turn in talk["content"]
            )
            rows.append(Conversation(key, messages, "topical"))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise broken(path, f"is not in the format of Topical-Chat ({error!r})") from error
    return tuple(rows)


def _read_instructions(folder: Path) -> Found | None:
    book, seeds = folder / "instruction-data.json", folder / "seed_tasks.jsonl"
    if not places.present(book) and not places.present(seeds):
        return None
    rows = [
        Instruction(f"i{number}", row["instruction"], row["input"], row["output"])
        for number, row in enumerate(_json_rows(book, ("instruction", "input", "output")))
    ]
    tasks = tuple(
        Instruction(
            row["id"],
            row["instruction"],
            row["instances"][0]["input"],
            row["instances"][0]["output"],
        )
        for row in readers.stream_jsonl(seeds, ("id", "instruction", "instances"))
    )
    return Found({**_train_and_test(rows), "seed_tasks": Records(tasks)})


def _read_preferences(folder: Path) -> Found | None:
    path = folder / PREFERENCES_FILE
    if not places.present(path):
        return None
    rows = []
    for number, row in enumerate(_json_rows(path, ("instruction", "input", "chosen", "rejected"))):
        prompt = Instruction("", row["instruction"], row["input"], "").prompt
        rows.append(Preference(f"p{number}", prompt, row["chosen"], row["rejected"]))
    return Found(_train_and_test(rows))


def _json_rows(path: Path, fields: Sequence[str]) -> list[dict[str, Any]]:
    rows = readers.read_json(path)
    if not isinstance(rows, list) or not rows:
        raise broken(path, "holds no list of rows")
    for number, row in enumerate(rows):
        missing = [field for field in fields if not isinstance(row, dict) or field not in row]
        if missing:
            raise broken(path, f"lacks the field {missing[0]!r} in row {number}")
    return rows


def _train_and_test(rows: Sequence[Any]) -> dict[str, Records]:
    parts = zip(("train", "test"), cut(len(rows), (0.9, 0.1)), strict=True)
    return {split: Records(tuple(rows[row] for row in chosen)) for split, chosen in parts}


def _fetch_conversations(folder: Path) -> None:
    for name, sha256 in TOPICAL.items():
        urls = [
            f"{GITHUB}/alexa/Topical-Chat/{commit}/conversations/{name}"
            for commit in TOPICAL_COMMITS
        ]
        transfer.download(urls, folder, name, f"sha256:{sha256}")


def _fetch_instructions(folder: Path) -> None:
    book = f"{BOOK}/01_main-chapter-code/instruction-data.json"
    transfer.download(book, folder, "instruction-data.json", f"sha256:{INSTRUCTIONS_SHA256}")
    seeds = f"{GITHUB}/yizhongw/self-instruct/main/data/seed_tasks.jsonl"
    transfer.download(seeds, folder, "seed_tasks.jsonl", f"sha256:{SEED_TASKS_SHA256}")


def _fetch_preferences(folder: Path) -> None:
    url = f"{BOOK}/04_preference-tuning-with-dpo/{PREFERENCES_FILE}"
    transfer.download(url, folder, PREFERENCES_FILE, f"sha256:{PREFERENCES_SHA256}")


CONVERSATIONS = Recipe(
    "conversations", read=_read_conversations, fetch=_fetch_conversations, stand_in=chats
)
INSTRUCTIONS = Recipe(
    "instructions", read=_read_instructions, fetch=_fetch_instructions, stand_in=chat_instructions
)
PREFERENCES = Recipe(
    "preferences", read=_read_preferences, fetch=_fetch_preferences, stand_in=preference_pairs
)
