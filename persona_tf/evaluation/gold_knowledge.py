"""How right the labels of `data.gold_knowledge` are: ``python -m persona_tf.evaluation.gold_knowledge``.

English is judged by the built-in world, which knows which facts each answer draws on; Russian by the labels that
Toloka's JSON lines hold. On one part of each the threshold is chosen, on another it is measured. Pairs of a turn and a
fact are counted; intervals are 95 % bootstrap intervals over dialogues.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from persona_tf.atomic_file import write_atomically
from persona_tf.data.gold_knowledge import THRESHOLDS, fact_scores
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import default_data_dir
from persona_tf.data.sources import read_split
from persona_tf.data.toloka import toloka_path
from persona_tf.data.toloka_files import parse_toloka
from persona_tf.data.toloka_splits import split_of
from persona_tf.episode import Episode
from persona_tf.evaluation.metrics.bootstrap import Floats, bounds
from persona_tf.evaluation.table import markdown_table, shown, shown_range, write_json

SWEEP = (0.1, 0.3, 0.5, 0.7, 1.0, 1.1, 1.5, 2.0)
"""Thresholds that are tried. 0.1: any shared word will do; 1: one word that no other fact has."""
BETA = 0.5
"""Of the F that chooses: a wrong label teaches what is wrong, a missing one nothing, so precision counts twice."""
FOLDER = pathlib.Path("experiments/gold_knowledge/results")


@dataclasses.dataclass(frozen=True)
class Turns:
    """Turns of some kind. ``scores`` and ``gold`` are [pairs of a turn and a fact], ``dialogue`` numbers theirs from 0.

    ``gold`` says whether the turn draws on the fact.
    """

    name: str
    turns: int
    scores: Floats
    gold: np.ndarray
    dialogue: np.ndarray

    @property
    def dialogues(self) -> int:
        """How many dialogues they are of."""
        return int(self.dialogue.max(initial=-1)) + 1


Judged = Iterable[tuple[str, str, Sequence[str], frozenset[int]]]
"""Turns as (dialogue's id, reply, facts, indices of the facts that it draws on)."""


def scored(name: str, judged: Judged, language: str) -> Turns:
    """Scores every fact for every turn.

    Raises:
      ValueError: there is no turn.
    """
    numbers: dict[str, int] = {}
    scores: list[float] = []
    gold: list[bool] = []
    dialogue: list[int] = []
    turns = 0
    for id, reply, facts, used in judged:
        turns += 1
        scores += fact_scores(reply, facts, language)
        gold += [index in used for index in range(len(facts))]
        dialogue += [numbers.setdefault(id, len(numbers))] * len(facts)
    if not scores:
        raise ValueError(
            f"{name}: no turn of which is known what facts it uses. Toloka's table does not say, its JSON lines do: "
            "name that file with --toloka_file."
        )
    return Turns(name, turns, np.array(scores), np.array(gold), np.array(dialogue))


def figures(turns: Turns, threshold: float, samples: int = 1000) -> dict[str, Any]:
    """Precision, recall and F of the labels at a threshold, with counts; with ``samples``, with intervals."""
    labelled = (turns.scores >= threshold) & (turns.scores > 0)
    counted = {"labelled": labelled, "gold": turns.gold, "right": labelled & turns.gold}
    of_dialogues = {name: np.bincount(turns.dialogue, values) for name, values in counted.items()}
    found: dict[str, Any] = {"threshold": threshold, "turns": turns.turns, "dialogues": turns.dialogues}
    found |= {name: int(values.sum()) for name, values in of_dialogues.items()}
    for name, below in (("precision", "labelled"), ("recall", "gold")):
        found[name] = found["right"] / found[below] if found[below] else 0.0
        if samples:
            ends = bounds(of_dialogues["right"], of_dialogues[below], samples)
            found |= {f"{name}_{end}": value for end, value in ends.items()}
    weight = BETA * BETA
    whole = weight * found["gold"] + found["labelled"]
    found["f"] = (1 + weight) * found["right"] / whole if whole else 0.0
    return found


def best_threshold(turns: Turns) -> float:
    """The threshold of SWEEP with the largest F; of those equal to three digits the largest."""
    return max(SWEEP, key=lambda threshold: (round(figures(turns, threshold, 0)["f"], 3), threshold))


def world_turns(split: str, data_dir: pathlib.Path, kind: str, size: int = 0) -> Iterator[tuple]:
    """What bots of the built-in world say, see `Judged`. Temperaments are left out: they show in the manner alone.

    Args:
      split: of the world.
      data_dir: DATA_DIR.
      kind: ``asked``: answers to questions about the persona. ``said``: the same, but of the facts drawn on those only
        whose value the answer says. ``all``: all turns.
      size: dialogues of the split; 0: as many as figures are reported on.
    """
    for episode in read_split("world", split, data_dir, {split: size} if size else {}):
        for turn in episode.turns:
            asked = turn.probe is not None and turn.probe.source == "persona"
            if turn.speaker in episode.learners and (asked or kind == "all"):
                facts = episode.characters[turn.speaker].facts
                used = _used(episode, turn.speaker, turn.grounding)
                if kind == "said":
                    used = {index for index in used if facts[index].value in turn.speech}
                yield episode.id, turn.speech, [fact.text for fact in facts], frozenset(used)


def toloka_turns(splits: Sequence[str], data_dir: pathlib.Path, file: str = "") -> Iterator[tuple]:
    """Turns of Toloka's file that say which facts they use, see `Judged`; ``file`` as `toloka_path` takes it."""
    for dialogue in parse_toloka(toloka_path(data_dir, file), Skips()):
        if split_of(dialogue.id) in splits:
            for turn in dialogue.turns:
                if turn.gold is not None:
                    yield dialogue.id, turn.text, dialogue.facts[turn.speaker], frozenset(turn.gold)


def measure(data_dir: pathlib.Path, world_size: int = 0, toloka_file: str = "") -> dict[str, Any]:
    """All figures, JSON-able: for each language the sweep on the tuning part, and the figures on the other one.

    Args:
      data_dir: DATA_DIR with Toloka's JSON lines in it; the world is generated there.
      world_size: dialogues a split of the world; 0: as many as figures are reported on.
      toloka_file: a name in DATA_DIR/toloka; "" takes what is there.

    Raises:
      DataError: a file is missing.
      ValueError: Toloka's file does not say which facts are used.
    """
    tuning = {
        "en": scored("world valid, asked", world_turns("valid", data_dir, "asked", world_size), "en"),
        "ru": scored("toloka train", toloka_turns(("train",), data_dir, toloka_file), "ru"),
    }
    kinds = {
        ("test", "asked"): "world test, asked",
        ("test", "said"): "world test, asked, facts whose value is said",
        ("test", "all"): "world test, all turns of bots",
        ("test_unseen", "asked"): "world test_unseen, asked",
    }
    measured = {
        "en": [
            scored(name, world_turns(split, data_dir, kind, world_size), "en") for (split, kind), name in kinds.items()
        ],
        "ru": [scored("toloka valid and test", toloka_turns(("valid", "test"), data_dir, toloka_file), "ru")],
    }
    return {
        language: {
            "tuning": {"turns": turns.name, "best": best_threshold(turns), "sweep": _sweep(turns)},
            "measured": {other.name: figures(other, THRESHOLDS[language]) for other in measured[language]},
        }
        for language, turns in tuning.items()
    }


def markdown(found: dict[str, Any]) -> str:
    """The figures as tables."""
    parts = []
    for language, of in found.items():
        head = ["turns", "threshold", "precision", "95 %", "recall", "95 %", "labelled", "gold", "dialogues"]
        rows = [head, *(_row(name, row) for name, row in of["measured"].items())]
        parts.append(f"## {language}: measured\n\n{markdown_table(rows)}")
        head = ["threshold", "precision", "recall", "F0.5", "labelled", "gold"]
        rows = [head, *(_sweep_row(row) for row in of["tuning"]["sweep"])]
        chosen = f"best: {of['tuning']['best']:g}"
        parts.append(f"## {language}: {of['tuning']['turns']}; {chosen}\n\n{markdown_table(rows)}")
    return "\n".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m persona_tf.evaluation.gold_knowledge", description=__doc__)
    parser.add_argument("--data_dir", type=pathlib.Path, default=default_data_dir())
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER, help="for results.json and results.md")
    parser.add_argument("--world_size", type=int, default=0, help="dialogues a split of the world; default: all")
    parser.add_argument("--toloka_file", default="", help="in DATA_DIR/toloka; default: what is there")
    options = parser.parse_args(argv)
    found = measure(options.data_dir, options.world_size, options.toloka_file)
    write_json(options.folder / "results.json", found)
    write_atomically(options.folder / "results.md", markdown(found).encode())
    print(markdown(found))


def _used(episode: Episode, speaker: int, grounding: Sequence[str]) -> set[int]:
    facts = episode.characters[speaker].facts
    keys = (int(key.removeprefix("persona/")) for key in grounding if key.startswith("persona/"))
    return {index for index in keys if facts[index].value}


def _sweep(turns: Turns) -> list[dict[str, Any]]:
    return [figures(turns, threshold, 0) for threshold in SWEEP]


def _row(name: str, row: dict[str, Any]) -> list[str]:
    cells = [name, f"{row['threshold']:g}"]
    for metric in ("precision", "recall"):
        ends = row.get(f"{metric}_low"), row.get(f"{metric}_high")
        cells += [shown(metric, row[metric]), shown_range(metric, *ends)]
    return [*cells, *(f"{row[count]:,}" for count in ("labelled", "gold", "dialogues"))]


def _sweep_row(row: dict[str, Any]) -> list[str]:
    shares = [shown(metric, row[metric]) for metric in ("precision", "recall", "f")]
    return [f"{row['threshold']:g}", *shares, f"{row['labelled']:,}", f"{row['gold']:,}"]


if __name__ == "__main__":
    main()
