"""How fast training is: tokens a second, and what flat knowledge and length buckets are worth."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.bench.timing import alternate
from persona_tf.data.corpus import PackedCorpus, pack_corpus, plan_epoch
from persona_tf.data.world.generator import episodes
from persona_tf.example import Example, ExampleConfig
from persona_tf.learner import examples
from persona_tf.model.config import ModelConfig
from persona_tf.text.config import TextConfig
from persona_tf.text.features import FEATURES
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.text.vocabulary import train_vocabulary
from persona_tf.training.config import TrainConfig
from persona_tf.training.experiment import texts
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep

_BATCH, _SOURCE, _TARGET = 32, 256, 32


def tokens_per_second(rounds: int = 10) -> str:
    """Source and target tokens a second of the small model: 256 + 32 tokens, batch 32, both precisions."""
    features = random_features(_BATCH, _SOURCE // 2, _SOURCE // 2, _TARGET)
    steps = {p: _step(dataclasses.replace(SMALL, precision=p)) for p in ("mixed_bfloat16", "float32")}
    seconds = alternate({p: _runner(s, [features]) for p, s in steps.items()}, rounds, 3)
    rates = ", ".join(f"{p} {_BATCH * (_SOURCE + _TARGET) / s:,.0f}" for p, s in seconds.items())
    return f"training, small model, {_SOURCE}+{_TARGET} tokens, batch {_BATCH}: tokens/s {rates}"


def flat_against_padded(dialogues: int = 512, rounds: int = 3) -> str:
    """Dialogues a second on real lengths (the world's): flat knowledge in length buckets against fixed padding.

    Fixed padding pads each knowledge item, history and targets to the longest in the data: [B, K, F].
    """
    found = [e for episode in episodes("train", dialogues) for e in examples(episode, ExampleConfig())]
    packer = _packer(found)
    corpus = pack_corpus(found, packer)
    step = _step(dataclasses.replace(SMALL, vocabulary_size=packer.tokenizer.size, precision="mixed_bfloat16"))
    budget = 8192
    ours = [corpus.rows(rows) for rows in plan_epoch(corpus, budget, 0, 0)[:12]]
    padded = list(padded_batches(corpus, budget))[:4]
    seconds = alternate({"flat": _runner(step, ours), "padded": _runner(step, padded)}, rounds)
    flat = sum(len(b["target_ids"]) for b in ours) / seconds["flat"]
    fixed = sum(len(b["target_ids"]) for b in padded) / seconds["padded"]
    rates = f"flat and bucketed {flat:.1f} dialogues/s, fixed padding {fixed:.1f}: {flat / fixed:.1f} times"
    return f"training on real lengths: {rates}"


def _packer(found: list[Example]) -> Packer:
    with tempfile.TemporaryDirectory() as folder:
        model = train_vocabulary(texts(found), 2000, pathlib.Path(folder) / "vocabulary.model")
    return Packer(Tokenizer(model), TextConfig())


def _runner(step: TensorFlowStep, batches: list[dict[str, np.ndarray]]) -> Callable[[], object]:
    return lambda: [step.train(batch)["loss"].numpy() for batch in batches]


def _step(config: ModelConfig) -> TensorFlowStep:
    train = TrainConfig()
    return TensorFlowStep(build(config), make_optimizer(train, half=config.precision != "float32"), train)


def padded_batches(corpus: PackedCorpus, budget: int) -> Iterator[dict[str, np.ndarray]]:
    """Batches in which every item, history and target row is as long as the longest of the corpus."""
    lengths = {axis: int(corpus.lengths(axis).max()) for axis in "HTG"}
    items = int(corpus.values["knowledge_item"].max()) + 1
    item_length = int(corpus.values["knowledge_position"].max()) + 1
    rows = min(len(corpus), max(1, budget // (items * item_length + lengths["H"] + lengths["T"])))
    for begin in range(0, len(corpus) - rows + 1, rows):
        batch = corpus.rows(np.arange(begin, begin + rows))
        for name, feature in FEATURES.items():
            axis = feature.shape[1]
            if axis != "S":
                fill = -1 if axis == "G" else 0
                short = lengths[axis] - batch[name].shape[1]
                batch[name] = np.pad(batch[name], ((0, 0), (0, max(short, 0))), constant_values=fill)[
                    :, : lengths[axis]
                ]
        yield batch | _padded_items(batch, items, item_length)


def _padded_items(batch: dict[str, np.ndarray], items: int, length: int) -> dict[str, np.ndarray]:
    names = [name for name in FEATURES if name.startswith("knowledge")]
    out = {name: np.zeros((len(batch["knowledge_ids"]), items * length), np.int32) for name in names}
    row, column = np.nonzero(batch["knowledge_ids"])
    place = batch["knowledge_item"][row, column] * length + batch["knowledge_position"][row, column]
    for name in names:
        out[name][row, place] = batch[name][row, column]
    return out
