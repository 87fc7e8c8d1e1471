"""One bot under several ways of choosing words: what each does to its answers, and what it costs."""

import dataclasses
import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import atomic_text_file
from persona_tf.chat.bot import Bot
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Episode
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.evaluator import answer_all, at_most, score_episodes
from persona_tf.evaluation.report import Metrics, report
from persona_tf.evaluation.scoring import Scorer
from persona_tf.evaluation.table import markdown_table, shown
from persona_tf.example import examples
from persona_tf.export.bundle import Bundle

_NUCLEUS: Mapping[str, Any] = {"method": "sample", "top_p": 0.9}
_EIGHT: Mapping[str, Any] = {**_NUCLEUS, "hypotheses": 8}

WAYS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {},
    "greedy, int8": {"engine": "onnx_int8"},
    "no repeated trigram": {"no_repeat_ngram": 3},
    "beam 5": {"method": "beam", "hypotheses": 5},
    "diverse beam 6 in 3": {"method": "beam", "hypotheses": 6, "groups": 3},
    "sampling": {"method": "sample"},
    "top-k 40": {"method": "sample", "top_k": 40},
    "top-p 0.9": _NUCLEUS,
    "min-p 0.1": {"method": "sample", "min_p": 0.1},
    "typical 0.9": {"method": "sample", "typical": 0.9},
    "guidance 0.5": {"guidance": 0.5},
    "guidance 1": {"guidance": 1.0},
    "guidance 1, top-p 0.9": {**_NUCLEUS, "guidance": 1.0},
    "best of 8 by mutual information 0.5": {**_EIGHT, "mutual_information": 0.5},
}
"""Fields of DecodeConfig over those of the bundle made greedy; and the engine, by default ``auto``."""

COLUMNS = (
    "reply_f1",
    "reply_inter_distinct_2",
    "probe_persona_accuracy",
    "probe_setting_accuracy",
    "probe_history_accuracy",
    "probe_unanswerable_accuracy",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One way: the engine that wrote, its metrics, and milliseconds a reply, many answered at once."""

    way: str
    engine: str
    metrics: Metrics
    milliseconds: float


def compare_decoders(
    bundle: Bundle, episodes: Iterable[Episode], config: EvalConfig, ways: Mapping[str, Mapping[str, Any]] = WAYS
) -> list[Row]:
    """Answers the same targets in each way; a warm-up before the clock starts.

    Args:
      bundle: the bot.
      episodes: of one split.
      config: how much is evaluated; its counterfactuals are left out.
      ways: as `WAYS`.
    """
    plain = bundle.decode.as_greedy()
    config = dataclasses.replace(config, swapped=False, shuffled_persona=False)
    episodes = list(episodes)
    scored, _ = score_episodes(Bot(bundle, plain), Scorer(bundle), episodes, config, "likelihoods, ")
    stream = (example for episode in episodes for example in examples(episode, bundle.example))
    chosen = at_most(stream, config.max_examples)
    rows = []
    for way, fields in ways.items():
        bot = Bot(bundle, *setting(plain, fields))
        bot.answer(chosen[:1])
        start = time.perf_counter()
        answers = list(itertools.chain.from_iterable(answer_all(bot, chosen, config.batch_targets, way)))
        milliseconds = 1000 * (time.perf_counter() - start) / max(len(answers), 1)
        targets = [dataclasses.replace(t, reply=a.reply) for t, a in zip(scored, answers, strict=True)]
        rows.append(Row(way, bot.engine, report(targets, config.bootstrap_samples, config.seed), milliseconds))
    return rows


def setting(plain: DecodeConfig, fields: Mapping[str, Any]) -> tuple[DecodeConfig, str]:
    """Decode config and engine of one of `WAYS`."""
    own = {name: value for name, value in fields.items() if name != "engine"}
    return dataclasses.replace(plain, **own), fields.get("engine", "auto")


def write_comparison(folder: Path, split: str, rows: Sequence[Row]) -> str:
    """Writes ``decoders_<split>.json`` and ``.md``, and returns the table."""
    names = [name for name in COLUMNS if any(name in row.metrics for row in rows)]
    header = ["way", "engine", *names, "ms a reply"]
    body = [
        [row.way, row.engine, *(_cell(row.metrics, name) for name in names), f"{row.milliseconds:.1f}"] for row in rows
    ]
    text = markdown_table([header, *body])
    with atomic_text_file(folder / f"decoders_{split}.json") as file:
        json.dump([dataclasses.asdict(row) for row in rows], file, indent=2)
        file.write("\n")
    with atomic_text_file(folder / f"decoders_{split}.md") as file:
        file.write(text)
    return text


def _cell(metrics: Metrics, name: str) -> str:
    return shown(name, metrics[name]["value"]) if name in metrics else ""
