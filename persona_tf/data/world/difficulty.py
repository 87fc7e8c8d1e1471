"""How hard the world is: what bots without understanding would score, and counts that `data stats` prints.

Each baseline is a shortcut that a model must not be able to take: copy what shares most words with the question,
guess among the values of the right type, answer without reading, or always do the same.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from persona_tf.data.world import chat
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.writer import mentions
from persona_tf.episode import Episode, Probe, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import knowledge_items

_DEFAULT = WorldConfig()


def difficulty(episodes: Iterable[Episode]) -> dict[str, float]:
    """The scores of the baselines in [0, 1], on questions that have an answer and on turns that have a label.

    Returns:
      ``overlap_copier``, ``overlap_copier_content``: says the knowledge item or turn that shares most words (or
      most words of four letters and more) with the question; right if that holds the value and no decoy.
      ``type_guesser``: draws one of the values of the right type in sight. ``no_source``: knows the most frequent
      value of each slot in the first half of the episodes, scored on the second.
      ``majority_action``, ``majority_verb``, ``majority_emote``: the most frequent one, where there is one.
    """
    episodes = list(episodes)
    asked = [(e, i, t.probe) for e in episodes for i, t in enumerate(e.turns) if t.probe and t.probe.value]
    targets = [t for e in episodes for t in e.turns if t.speaker in e.learners]
    return {
        "overlap_copier": _mean(_copied(e, i, p, 1) for e, i, p in asked),
        "overlap_copier_content": _mean(_copied(e, i, p, 4) for e, i, p in asked),
        "type_guesser": _mean(1 / (1 + len(p.decoys)) for _, _, p in asked),
        "no_source": _no_source([p for _, _, p in asked]),
        "majority_action": _majority(t.action for t in targets),
        "majority_verb": _majority(t.action.partition(" ")[0] for t in targets),
        "majority_emote": _majority(t.emote for t in targets),
    }


def stats(episodes: Iterable[Episode]) -> dict[str, float]:
    """Counts and means: of the lexicon, and of the episodes.

    ``history_distance/d`` is the number of questions whose answer was told `d` turns before the question.
    """
    episodes = list(episodes)
    targets = [t for e in episodes for t in e.turns if t.speaker in e.learners]
    probes = [t.probe for t in targets if t.probe]
    answerable = [p for p in probes if p.value]
    slots = load().slots
    sources = Counter(p.source for p in probes)
    distances = Counter(_distances(episodes))
    return {
        **lexicon_stats(),
        "turns": _mean(len(e.turns) for e in episodes),
        "targets": len(targets) / max(1, len(episodes)),
        "probes": len(probes) / max(1, len(episodes)),
        **{f"probes/{source}": sources[source] / max(1, len(probes)) for source in Probe.SOURCES},
        "decoys": _mean(len(p.decoys) for p in answerable),
        "with_swap": _mean(p.swap is not None for p in answerable),
        "two_facts": _mean(bool(slots[p.slot].needs) for p in answerable if p.slot in slots),
        "available_actions": _mean(len(t.available_actions) for t in targets),
        "with_action": _mean(bool(t.action) for t in targets),
        "with_emote": _mean(bool(t.emote) for t in targets),
        **{f"history_distance/{d}": float(distances[d]) for d in range(1, 13)},
    }


def lexicon_stats(config: WorldConfig = _DEFAULT) -> dict[str, float]:
    """How many slots there are, and the smallest number of phrasings that one has, in all and unseen."""
    slots = [*load(config.slots, config.phrasings).slots.values(), *chat.slots().values()]
    found: dict[str, float] = {"slots": len(slots)}
    for kind in ("question", "fact", "answer"):
        pairs = [getattr(slot, kind) for slot in slots if getattr(slot, kind).train]
        found[f"least_{kind}s"] = min(len(pair.train) + len(pair.unseen) for pair in pairs)
        found[f"least_unseen_{kind}s"] = min(len(pair.unseen) for pair in pairs)
    return found


def _copied(episode: Episode, at: int, probe: Probe, least: int) -> bool:
    """Whether the copier is right at the target turn `at`; words of fewer than `least` letters do not count."""
    [learner] = episode.learners
    texts = [item.text for item in knowledge_items(episode, learner, ExampleConfig())]
    texts += [_text(turn) for turn in episode.turns[: at - 1]]
    question = _content(episode.turns[at - 1].speech, least)
    best = max(texts, key=lambda text: len(question & _content(text, least)))
    return mentions(best, probe.value) and not any(mentions(best, decoy) for decoy in probe.decoys)


def _text(turn: Turn) -> str:
    return f"{turn.speech} {turn.action}"


def _content(text: str, least: int) -> frozenset[str]:
    return frozenset(w for w in re.findall(r"\w+", text.lower()) if len(w) >= least)


def _no_source(probes: Sequence[Probe]) -> float:
    """Fits the most frequent value of each slot on the first half, scores it on the second."""
    half = len(probes) // 2
    counts: dict[str, Counter[str]] = {}
    for probe in probes[:half]:
        counts.setdefault(probe.slot, Counter())[probe.value] += 1
    guesses = {slot: counter.most_common(1)[0][0] for slot, counter in counts.items()}
    return _mean(guesses.get(probe.slot) == probe.value for probe in probes[half:])


def _majority(labels: Iterable[str]) -> float:
    """The share of the most frequent label among those that are not empty."""
    counts = Counter(label for label in labels if label)
    return counts.most_common(1)[0][1] / sum(counts.values()) if counts else 0.0


def _distances(episodes: Iterable[Episode]) -> Iterator[int]:
    for episode in episodes:
        for at, turn in enumerate(episode.turns):
            if turn.probe and turn.probe.source == "history":
                yield at - 1 - int(turn.grounding[0].partition("/")[2])


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
