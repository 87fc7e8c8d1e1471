"""`persona_tf data stats SOURCE`: how large a set of episodes is, and of what kind."""

import collections
import re
from collections.abc import Iterable
from typing import Any

from persona_tf.episode import Episode, Setting

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def stats(episodes: Iterable[Episode]) -> dict[str, Any]:
    """Counts, means and shares, JSON-able; the order is that of the table.

    ``targets`` are turns of learners; ``asides`` come on top and count for nothing else. Words are runs of letters
    and digits, without regard to case. Shares are of targets. ``knowledge_items_per_learner`` counts what a learner
    knows: facts, names, place, objects.
    """
    count = collections.Counter[str]()
    probes = collections.Counter[str]()
    words = collections.Counter[str]()
    for episode in episodes:
        count["dialogues"] += 1
        count["facts"] += sum(len(episode.characters[i].facts) for i in episode.learners)
        count["personas"] += len(episode.learners)
        count["items"] += sum(_items(episode, i) for i in episode.learners)
        count["asides"] += len(episode.asides)
        for turn in episode.turns:
            said = _WORD.findall(turn.speech.lower())
            words.update(said)
            count["turns"] += 1
            count["spoken"] += bool(said)
            count["words"] += len(said)
            if turn.speaker in episode.learners:
                count["targets"] += 1
                count["spoken_targets"] += bool(turn.speech)
                count["action"] += bool(turn.action)
                count["emote"] += bool(turn.emote)
                count["grounded"] += bool(turn.grounding)
                count["candidates"] += bool(turn.candidates)
                count["choices"] += len(turn.available_actions)
                if turn.probe is not None:
                    probes[turn.probe.source] += 1
    return {
        "dialogues": count["dialogues"],
        "turns": count["turns"],
        "targets": count["targets"],
        "targets_with_speech": count["spoken_targets"],
        "asides": count["asides"],
        "turns_per_dialogue": _ratio(count["turns"], count["dialogues"]),
        "words_per_turn": _ratio(count["words"], count["spoken"]),
        "vocabulary_words": len(words),
        "facts_per_persona": _ratio(count["facts"], count["personas"]),
        "knowledge_items_per_learner": _ratio(count["items"], count["personas"]),
        "share_with_action": _ratio(count["action"], count["targets"]),
        "share_with_emote": _ratio(count["emote"], count["targets"]),
        "share_with_grounding": _ratio(count["grounded"], count["targets"]),
        "share_with_candidates": _ratio(count["candidates"], count["targets"]),
        "available_actions_per_target": _ratio(count["choices"], count["targets"]),
        "probes": sum(probes.values()),
        **{f"probes_{source}": probes[source] for source in sorted(probes)},
    }


def stats_table(columns: dict[str, dict[str, Any]]) -> str:
    """A plain-text table: one column a split (or any other name), one row a figure."""
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    head = ["", *columns]
    body = [[row, *(_figure(column.get(row)) for column in columns.values())] for row in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = ([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in [head, *body])
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _items(episode: Episode, learner: int) -> int:
    own, partner = episode.characters[learner], episode.characters[1 - learner]
    had = len(own.carrying) + len(own.wearing) + len(own.wielding)
    names = bool(own.name) + bool(partner.name)
    return len(own.facts) + len(partner.facts) + had + names + _place(episode.setting)


def _place(setting: Setting | None) -> int:
    if setting is None:
        return 0
    return bool(setting.name) + len(setting.description) + len(setting.objects) + len(setting.present)


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
