"""Runs a trained retriever over a split: a table beside baselines, and the scores of each context."""

import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence

from persona_tf.atomic_file import atomic_text_file
from persona_tf.data.config import DataConfig
from persona_tf.data.pairs import Pair
from persona_tf.data.sources import read_split
from persona_tf.data.speakers import PAIRS
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.retrieval import baselines
from persona_tf.evaluation.retrieval.candidates import Candidates, of_each_way
from persona_tf.evaluation.retrieval.figures import METRICS, figures, leads, rank_context
from persona_tf.evaluation.table import Result, write_result
from persona_tf.example import ExampleConfig
from persona_tf.retrieval.bundle import load_retriever
from persona_tf.retrieval.retriever import Retriever
from persona_tf.run_dir import RunDir

_NOTES = {
    "facts": "R@k and MRR count the best of a context's true facts; ties count against it; contexts that draw on no "
    "fact are left out. A lead is over the best of the baselines beside, paired over dialogues. persona: among the "
    "facts of the speaker. hundred: among these and facts of other personas, 100 in all, some of which may suit as "
    "well. consecutive: 100 couples in the order of the file, the diagonal true and all else wrong, also what is not.",
    "speaker": "speaker: the reply, with what it answers, among the personas of its speaker, of the partner and of a "
    "stranger of the split, each worth as much as the best of its facts. Chance is what random says, not a third: "
    "who has more facts has more chances. Ties count against it. speaker_own: the replies that draw on a fact of their "
    "own persona, or its name; of the others nobody can tell.",
}
_METRICS = {"facts": tuple(METRICS), "speaker": ("r1", "mrr")}
_NOTHING = {"facts": "no turn says which facts it draws on", "speaker": "no two speakers of a dialogue have facts"}

Ranked = tuple[Pair, Candidates, Sequence[float]]


def evaluate_retriever(
    run: RunDir,
    data: DataConfig,
    example: ExampleConfig,
    config: EvalConfig,
    data_dir: pathlib.Path,
    splits: Sequence[str] = (),
) -> list[Result]:
    """Scores a run's retriever on some splits; writes and prints a table for each.

    Args:
      example: says what facts are; that of training.
      splits: in the place of those of ``config``.

    Raises:
      FileNotFoundError, ValueError: the bundle or the data cannot be read, or no turn of a split says which facts it
        draws on; nothing is overwritten then.
    """
    retriever, results = load_retriever(run.bundle), []
    for split in splits or config.splits:
        episodes = read_split(data.source, split, data_dir, data.options)
        finds = retriever.config.finds
        found = (pair for pair in PAIRS[finds](episodes, example) if pair.gold or finds == "speaker")
        chosen = list(itertools.islice(found, config.max_examples or None))
        if not chosen:
            raise ValueError(f"{data.source} {split}: {_NOTHING[finds]}: nothing can be evaluated")
        result, ranked = score_pairs(retriever, split, chosen, config)
        _write_predictions(run.predictions(split), ranked)
        write_result(run.evaluation(split, "json").parent, result)
        results.append(result)
    return results


def score_pairs(
    retriever: Retriever, split: str, chosen: Sequence[Pair], config: EvalConfig
) -> tuple[Result, list[Ranked]]:
    """The table of some pairs that have gold, and the scores of each among its own persona's facts."""
    metrics: dict[str, Mapping[str, float]] = {}
    beside: dict[str, dict[str, Mapping[str, float]]] = {}
    facts = [fact for pair in chosen for fact in pair.facts]
    rankers = baselines.rankers(facts, config.seed)
    own: list[Ranked] = []
    finds = retriever.config.finds
    names = _METRICS[finds]
    for way, asked in of_each_way(chosen, finds, config.seed).items():
        scores = retriever.score([pair.history for pair, _ in asked], [some.facts for _, some in asked])
        ranked = [
            rank_context(p.episode, c.ranked(s.tolist()), c.gold) for (p, c), s in zip(asked, scores, strict=True)
        ]
        plain = {
            name: [rank_context(pair.episode, some.ranked(rank(pair, some)), some.gold) for pair, some in asked]
            for name, rank in rankers.items()
            if way in baselines.WAYS_OF.get(name, (way,))
        }
        for name, others in plain.items():
            beside.setdefault(name, {}).update(figures(way, others, 0, names=names))
        metrics |= figures(way, ranked, config.bootstrap_samples, config.seed, names)
        metrics |= leads(way, ranked, plain.values(), config.bootstrap_samples, config.seed, names)
        if way in ("persona", "speaker"):
            own = [(p, c, s.tolist()) for (p, c), s in zip(asked, scores, strict=True)]
    result = Result(retriever.experiment, split, retriever.step, len(chosen), {}, metrics, beside, (_NOTES[finds],))
    return result, own


def _write_predictions(path: pathlib.Path, ranked: Sequence[Ranked]) -> None:
    """A line for each context: what was said last, the facts with their scores, and which are true.

    Where people are ranked, how many of the facts are each one's; ``gold`` says who it is then.
    """
    with atomic_text_file(path) as file:
        for pair, candidates, scores in ranked:
            line = {
                "id": pair.id,
                "episode": pair.episode,
                "question": pair.question,
                "facts": candidates.facts,
                "scores": [round(score, 4) for score in scores],
                "gold": candidates.gold,
                **({"people": candidates.people} if candidates.people else {}),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
