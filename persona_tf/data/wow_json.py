"""The original JSON of Wizard of Wikipedia -> Episode; see `wow` for what becomes of what.

A file is a list of dialogues, too large to be read at once:

    {"chosen_topic": "Bread", "chosen_topic_passage": ["Bread is a staple food.", ...], "dialog": [
      {"speaker": "1_Apprentice", "text": "Hi!", "retrieved_passages": [{"Wheat": ["Wheat is a grass.", ...]}, ...]},
      {"speaker": "0_Wizard", "text": "Bread is old.", "retrieved_passages": [...],
       "checked_sentence": {"chosen_Bread_0": "Bread is a staple food."}, "checked_passage": {"chosen_topic": "Bread"},
       "candidate_responses": [...]}, ...]}

At a turn the wizard sees the topic's passage, what was looked up for the apprentice's last turn, and what for its own
last one. A checked sentence that is not among these (there are such) is added to them. `candidate_responses` exist in
tests; a reply that is not among them is added.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.data.json_array import array_elements
from persona_tf.data.json_field import json_field, json_texts
from persona_tf.data.skips import Skips
from persona_tf.episode import Character, Episode, Setting, Turn

APPRENTICE, WIZARD = 0, 1
NO_PASSAGE = "no_passages_used"

Sentence = tuple[str, str]
"""The title of a page, and one sentence of it."""


def wow_json_episodes(path: Path, split: str, knowledge: int, titles: bool, skips: Skips) -> Iterator[Episode]:
    """The dialogues of one file; a bad one is counted in ``skips`` and left out.

    Args:
      path: the file.
      split: for ids.
      knowledge: at most so many sentences at a turn; 0: all.
      titles: whether a sentence begins with its title.
      skips: receives what was left out.

    Raises:
      DataError: the file is no list, or breaks off.
    """
    with path.open(encoding="utf-8") as file:
        for number, dialogue in enumerate(array_elements(file, str(path))):
            try:
                yield wow_episode(dialogue, f"wow/{split}/{number}", knowledge, titles)
            except DataError as error:
                skips.add(f"{path} dialogue {number}", str(error))


def wow_episode(dialogue: Any, id: str, knowledge: int = 0, titles: bool = False) -> Episode:
    """One dialogue.

    Raises:
      DataError: a key is missing or of another shape; the message names it.
    """
    topic = json_field(dialogue, "chosen_topic", str)
    of_topic = [
        (topic, text) for text in json_texts(json_field(dialogue, "chosen_topic_passage", list), "chosen_topic_passage")
    ]
    seen = [_looked_up(turn) for turn in json_field(dialogue, "dialog", list)]
    places: dict[Sentence, int] = {}
    turns = []
    for number, said in enumerate(dialogue["dialog"]):
        speech = " ".join(json_field(said, "text", str).split())
        if not speech:
            continue
        if _speaker(said) == APPRENTICE:
            turns.append(Turn(APPRENTICE, speech))
            continue
        lately = [sentence for found in reversed(seen[max(number - 2, 0) : number]) for sentence in found]
        shown = list(dict.fromkeys([*of_topic, *lately]))
        turns.append(_wizard(said, speech, shown, knowledge, places, f"{id} turn {number}"))
    if not any(turn.speaker == WIZARD for turn in turns):
        raise DataError("key dialog: no turn of the wizard")
    description = tuple(f"{title}: {text}" if titles else text for title, text in places)
    cast = (Character(""), Character(""))
    return Episode(id, "wow", Setting(topic, description=description), cast, tuple(turns), (WIZARD,))


def _wizard(
    said: Mapping[str, Any], speech: str, shown: list[Sentence], most: int, places: dict[Sentence, int], name: str
) -> Turn:
    """A turn of the wizard; ``places`` numbers all sentences of the dialogue and grows."""
    gold = _checked(said, shown)
    if gold is not None and gold not in shown:
        shown = [*shown, gold]
    if most and len(shown) > most:
        others = [sentence for sentence in shown if sentence != gold]
        kept = {*random.Random(f"sentences of {name}").sample(others, most - (gold is not None))}
        shown = [sentence for sentence in shown if sentence in kept or sentence == gold]
    knows = tuple(f"setting_description/{places.setdefault(sentence, len(places))}" for sentence in shown)
    grounding = () if gold is None else (f"setting_description/{places[gold]}",)
    candidates = json_texts(said.get("candidate_responses") or [], "candidate_responses")
    if candidates and speech not in candidates:
        candidates.append(speech)
    return Turn(WIZARD, speech, candidates=tuple(candidates), grounding=grounding, knows=knows)


def _checked(said: Mapping[str, Any], shown: Sequence[Sentence]) -> Sentence | None:
    """The checked sentence with its title, or None."""
    sentences, passages = (_dict(said, key) for key in ("checked_sentence", "checked_passage"))
    text = " ".join(next(iter(sentences.values()), "").split())
    if not text or text == NO_PASSAGE:
        return None
    # Of pages that share a sentence, the one that was checked.
    named = [next(iter(passages.values()), ""), " ".join(next(iter(sentences)).split("_")[1:-1])]
    titles = [title for title, sentence in shown if sentence == text]
    return next((title for title in named if title in titles), (titles or named)[0]), text


def _speaker(said: Any) -> int:
    """``0_Wizard`` or ``1_Apprentice``: the number before it only says who begins."""
    name = json_field(said, "speaker", str)
    for speaker, word in ((APPRENTICE, "Apprentice"), (WIZARD, "Wizard")):
        if name.endswith(word):
            return speaker
    raise DataError(f"key speaker: expected a name that ends in Wizard or Apprentice, got {name!r}")


def _looked_up(said: Any) -> list[Sentence]:
    found = []
    for passage in json_field(said, "retrieved_passages", list) if "retrieved_passages" in said else ():
        if not isinstance(passage, dict):
            raise DataError(f"key retrieved_passages: expected objects, got {str(passage)[:40]!r}")
        found += [(title, text) for title, texts in passage.items() for text in json_texts(texts, "retrieved_passages")]
    return found


def _dict(said: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = said.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise DataError(f"key {key}: expected an object of strings, got {str(value)[:40]!r}")
    return value
