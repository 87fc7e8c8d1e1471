"""Conversations that people had with a bot on the server, as data to train on: what they rated badly is left out.

chats/
    train.jsonl.gz, valid.jsonl.gz, test.jsonl.gz
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from persona_tf.chat_file import ChatFile, Kept
from persona_tf.data.errors import DataError
from persona_tf.data.jsonl import read_episodes, write_episodes
from persona_tf.data.skips import Skips
from persona_tf.episode import Episode

SPLITS = ("train", "valid", "test")
_TENTHS = {"valid": (8, 9), "test": (9, 10)}
KEEPS = ("good", "rated", "all")


def read_chats(split: str, data_dir: Path, *, skips: Skips | None = None) -> Iterator[Episode]:
    """The episodes that `export_chats` has written."""
    return read_episodes(_path(data_dir, split))


def export_chats(file: Path, data_dir: Path, keep: str = "good") -> dict[str, int]:
    """Writes a server's conversations as the splits of the source ``chats``.

    A conversation always comes to the same split, by its name: eight of ten to train.

    Args:
      file: of the server.
      data_dir: where data lie.
      keep: ``good``: a conversation ends before the first reply that is rated no in anything, or was found offensive;
        ``rated``: the same, and after the last reply that is rated or ticked at all; ``all``: whole.

    Returns:
      How many episodes each split has.

    Raises:
      DataError: ``keep`` is none of these, or a conversation cannot be read.
      OSError, ValueError: see `ChatFile`.
    """
    if keep not in KEEPS:
        raise DataError(f"keep: expected one of {', '.join(KEEPS)}, got {keep!r}")
    kept = ChatFile(file, read_only=True)
    try:
        by_split: dict[str, list[Episode]] = {split: [] for split in SPLITS}
        for one in kept.all():
            if episode := _episode(one, file, keep):
                by_split[_split(one.id)].append(episode)
    finally:
        kept.close()
    return {split: write_episodes(_path(data_dir, split), episodes) for split, episodes in by_split.items()}


def _path(data_dir: Path, split: str) -> Path:
    return data_dir / "chats" / f"{split}.jsonl.gz"


def _split(name: str) -> str:
    tenth = hashlib.sha256(name.encode()).digest()[0] * 10 // 256
    return next((split for split, (first, end) in _TENTHS.items() if first <= tenth < end), "train")


def _episode(one: Kept, file: Path, keep: str) -> Episode | None:
    """None where no turn of the bot is left."""
    try:
        data, choices = one.state["episode"], one.state["choices"]
        made = [None if c is None else c["alternatives"][c["chosen"]] for c in choices]
        until = len(made) if keep == "all" else _good(made, keep == "rated")
        turns = [
            {**turn, "grounding": now["ticked"]} if now and now["ticked"] else turn
            for turn, now in zip(data["turns"][:until], made, strict=False)
        ]
        episode = Episode.from_json({**data, "id": one.id, "source": "chats", "turns": turns})
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"{file}: conversation {one.id} is damaged ({type(error).__name__}: {error})") from error
    speaks = any(turn.speaker in episode.learners and (turn.speech or turn.action) for turn in episode.turns)
    return episode if speaks else None


def _good(made: list[Mapping[str, Any] | None], rated: bool) -> int:
    """How many turns stay."""
    bad = (i for i, now in enumerate(made) if now and (False in now["rating"].values() or now["answer"].get("offence")))
    until = next(bad, len(made))
    if not rated:
        return until
    marked = [i for i, now in enumerate(made[:until]) if now and (now["rating"] or now["ticked"] is not None)]
    return marked[-1] + 1 if marked else 0
