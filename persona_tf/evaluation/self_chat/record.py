"""Self-chats of two bots: who meets where, and the files ``self_chat/<seed>.jsonl``, ``.html``, ``.md`` and ``.json``.

One line of ``<seed>.jsonl`` is one chat, a JSON object that `Episode.from_json` reads too:

| field | what it is |
|---|---|
| id | ``self_chat/<seed>/<number of the chat>`` |
| source | the source of place and characters |
| setting | the place: name, category, description, objects, present; not there where the two are nowhere |
| characters | the two: name, facts (text; slot and value where they are known), carrying, wearing, wielding |
| turns | speaker (0 or 1), speech, action, emote; what is empty is left out |
| learners | ``[0, 1]`` |
| bots | experiment and step of the bot behind each character |
| leant_on | for each turn a list of ``{"key", "text", "share"}``: what it leant on, from 1 %, largest first |
| contradictions | for each turn a list of ``{"slot", "value", "template", "own"}``, see `contradictions` |
| said_by | where a classifier was asked: who would say each turn, see `evaluation.roles` |
"""

import dataclasses
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import atomic_text_file, write_atomically
from persona_tf.chat.bot import Bot
from persona_tf.chat.self_chat import Chat, converse
from persona_tf.data.progress import progress_bar
from persona_tf.episode import Character, Episode
from persona_tf.evaluation.roles import said_by
from persona_tf.evaluation.self_chat import contradictions
from persona_tf.evaluation.self_chat.contradictions import Judgement
from persona_tf.evaluation.self_chat.figures import COLUMNS, Row, by_fifths
from persona_tf.evaluation.self_chat.page import page
from persona_tf.evaluation.table import markdown_table, write_json
from persona_tf.retrieval.retriever import Retriever

LEAST_SHARE = 0.01


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A bot in a chat: its experiment and step."""

    experiment: str
    step: int

    @classmethod
    def of(cls, bot: Bot) -> "Speaker":
        """Who it is."""
        return cls(bot.bundle.experiment, bot.bundle.step)


def scenes(episodes: Iterable[Episode], count: int, seed: int) -> list[Episode]:
    """Places with two characters for ``count`` chats, a seeded choice of some dialogues, without their turns.

    Where one character of a dialogue is no learner, as in the built-in world, where it has but a few facts, a learner
    of another dialogue takes its part, of another name.

    Raises:
      ValueError: there are fewer dialogues than chats, or ``count`` is below 1.
    """
    known = list(episodes)
    if not 1 <= count <= len(known):
        raise ValueError(f"--chats: expected 1 to {len(known)}, as many as the split has dialogues, got {count}")
    rng = random.Random(f"self-chat {seed}")
    chosen = rng.sample(known, count)
    people = [episode.characters[learner] for episode in known for learner in episode.learners]
    found = []
    for number, episode in enumerate(chosen):
        pair = [c if who in episode.learners else None for who, c in enumerate(episode.characters)]
        there = next(c for c in (*pair, *episode.characters) if c is not None)
        strangers = [person for person in people if person.name != there.name] or list(episode.characters)
        first, second = (rng.choice(strangers) if character is None else character for character in pair)
        found.append(Episode(f"self_chat/{seed}/{number}", episode.source, episode.setting, (first, second), ()))
    return found


def self_chats(bots: tuple[Bot, Bot], meetings: Sequence[Episode], turns: int, seed: int) -> list[Chat]:
    """A chat for each meeting; the two bots open in turn.

    Raises:
      ValueError: ``turns`` is below 1.
    """
    if turns < 1:
        raise ValueError(f"--turns: expected 1 or more, got {turns}")
    chats = []
    with progress_bar(total=len(meetings) * turns, desc="self-chat") as bar:
        for number, scene in enumerate(meetings):
            chats.append(converse(bots, scene, turns, number % 2, seed))
            bar.update(turns)
    return chats


def judgements(chat: Chat) -> list[Judgement]:
    """What each turn asserts of its speaker, and what of it is wrong. Outside the built-in world, nothing."""
    heard = ["", *(turn.speech for turn in chat.episode.turns)]
    people = chat.episode.characters
    return [
        contradictions.judge(people[t.speaker], t.speech, before)
        for t, before in zip(chat.episode.turns, heard, strict=False)
    ]


def write_self_chats(
    folder: Path, seed: int, speakers: tuple[Speaker, Speaker], chats: Sequence[Chat], judge: Retriever | None = None
) -> str:
    """Writes ``<seed>.jsonl``, ``<seed>.html``, ``<seed>.md`` and ``<seed>.json`` and returns the table.

    Each file is complete or stays as it was. ``judge``: says who would say each turn, see `roles.load_judge`.
    """
    judged = [judgements(chat) for chat in chats]
    who = said_by([chat.episode for chat in chats], judge) if judge else None
    has_slots = any(_has_slots(c) for chat in chats for c in chat.episode.characters)
    rows = by_fifths(chats, judged if has_slots else None, said_by=who)
    title = _title(seed, speakers, chats)
    text = f"{title}\n\n{table(rows)}"
    with atomic_text_file(folder / f"{seed}.jsonl") as file:
        for number, (chat, found) in enumerate(zip(chats, judged, strict=True)):
            line = _line(speakers, chat, found) | ({"said_by": who[number]} if who else {})
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    write_atomically(folder / f"{seed}.html", page(title, rows, chats, judged).encode())
    about = {"bots": [dataclasses.asdict(s) for s in speakers], "chats": len(chats), "seed": seed}
    write_json(folder / f"{seed}.json", {**about, "metrics": {row.name: row.to_json() for row in rows}})
    write_atomically(folder / f"{seed}.md", text.encode())
    return text


def table(rows: Sequence[Row]) -> str:
    """The metrics by fifths of the chat as Markdown."""
    return markdown_table([["metric", *COLUMNS], *([row.name, *row.cells()] for row in rows)])


def _title(seed: int, speakers: tuple[Speaker, Speaker], chats: Sequence[Chat]) -> str:
    one, other = (f"{s.experiment} (step {s.step:,})" for s in speakers)
    who = f"{one} with itself" if one == other else f"{one} with {other}"
    turns = len(chats[0].episode.turns)
    return f"{who}: {len(chats)} self-chats of {turns} turns, seed {seed}"


def _has_slots(character: Character) -> bool:
    return any(fact.slot and fact.value for fact in character.facts)


def _line(speakers: tuple[Speaker, Speaker], chat: Chat, judged: Sequence[Judgement]) -> dict[str, Any]:
    return {
        **chat.episode.to_json(),
        "bots": [dataclasses.asdict(speaker) for speaker in speakers],
        "leant_on": [
            [{"key": s.key, "text": s.text, "share": round(s.share, 4)} for s in sources if s.share >= LEAST_SHARE]
            for sources in chat.leant_on
        ],
        "contradictions": [[dataclasses.asdict(c) for c in one.contradictions] for one in judged],
    }
