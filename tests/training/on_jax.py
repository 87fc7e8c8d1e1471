"""Trains a tiny model on JAX, in a process of its own: python on_jax.py FOLDER.

The folder holds vocabulary.model, episodes.json and a checkpoint that TensorFlow wrote, last.npz; what is found is
written to found.npz there.
"""

import json
import pathlib
import sys

import keras
import numpy as np

from persona_tf.data.corpus import pack_corpus
from persona_tf.episode import Episode
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.config import TextConfig
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.training.checkpoint import LAST, load_checkpoint, named_variables
from persona_tf.training.config import TrainConfig
from persona_tf.training.loop import Loop
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.steps import make_step
from persona_tf.training.summaries import SummaryWriter

MODEL = {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "decoder_layers": 1, "fusion": "soft"}
TRAIN = {
    "steps": 8,
    "batch_tokens": 100_000,
    "optimizer": "adamw",
    "validate_every_steps": 4,
    "checkpoint_every_steps": 2,
}
WEIGHTS = {"knowledge_weight": 0.5, "pointer_weight": 0.5, "label_smoothing": 0.1, "average_decay": 0.9}


class Stopped(BaseException):
    """Ends a run as kill -9 does: nothing is saved on the way out."""


class Stopping:
    """A step that stops after some."""

    def __init__(self, step, after):
        self.inner, self.left, self.optimizer, self.score = step, after, step.optimizer, step.score

    def train(self, *batches):
        if not self.left:
            raise Stopped
        self.left -= 1
        return self.inner.train(*batches)


def make(folder: pathlib.Path, dropout: float = 0.0, **fields):
    """Packed corpus, model and config of the inputs in a folder."""
    tokenizer = Tokenizer((folder / "vocabulary.model").read_bytes())
    packer = Packer(tokenizer, TextConfig(vocabulary_size=tokenizer.size))
    episodes = [Episode.from_json(data) for data in json.loads((folder / "episodes.json").read_text())]
    corpus = pack_corpus([e for episode in episodes for e in examples(episode, ExampleConfig())], packer)
    keras.utils.set_random_seed(3)
    config = ModelConfig(**MODEL, dropout=dropout, precision="float32", vocabulary_size=tokenizer.size)
    model = PersonaTransformer(config)
    model.build()
    train = TrainConfig(**{**TRAIN, **WEIGHTS, **fields})
    return corpus, model, make_step(model, make_optimizer(train), train)


def loop(folder: pathlib.Path, corpus, step) -> Loop:
    """A loop that keeps its checkpoints in a folder."""
    writer = lambda at: SummaryWriter(folder / "summaries", at)  # noqa: E731
    return Loop(step.model, step, step.config, corpus, corpus, folder, "tiny", writer)


def outputs(model, features):
    """What the model says, as float32 arrays by name."""
    features = {**features, "target_number": np.arange(features["target_index"].max() + 1, dtype=np.int32)}
    if keras.backend.backend() == "jax":
        import jax

        state = ([v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables))
        said, _ = jax.jit(model.stateless_call)(*state, features)
    else:
        said = model(features)
    kept = {name: getattr(said, name) for name in ("vocabulary_logits", "emote_logits", "copy_attention", "copy_gate")}
    return {name: keras.ops.convert_to_numpy(value) for name, value in kept.items()}


def main(folder: pathlib.Path) -> None:
    assert keras.backend.backend() == "jax"
    found = {}
    corpus, model, step = make(folder)
    everything = corpus.rows(np.arange(len(corpus)))
    variables = named_variables(model, step.optimizer)
    load_checkpoint(folder / LAST, variables, "tiny")
    found |= outputs(model, everything)
    # The same rows as three batches: the step of the one large one.
    start = {name: keras.ops.convert_to_numpy(variable.value) for name, variable in variables.items()}
    large = step.train(everything)
    several = [{name: rows[begin::3] for name, rows in everything.items()} for begin in range(3)]
    momenta = _momenta(variables)
    for name, variable in variables.items():
        variable.assign(start[name])
    parts = step.train(*several)
    found["large"], found["parts"] = ([float(r["loss"]), float(r["gradient_norm"])] for r in (large, parts))
    found["momenta"] = np.abs(_momenta(variables) - momenta).max()
    # A run that is killed goes on as if nothing had been.
    corpus, _, step = make(folder, dropout=0.2)
    whole, broken = folder / "whole", folder / "broken"
    initial = [variable.value for variable in named_variables(step.model, step.optimizer).values()]
    loop(whole, corpus, step).run()
    for variable, value in zip(named_variables(step.model, step.optimizer).values(), initial, strict=True):
        variable.assign(value)
    first = loop(broken, corpus, step)
    first.step = Stopping(step, 5)
    try:
        first.run()
    except Stopped:
        loop(broken, corpus, step).run()
    np.savez(folder / "found.npz", **found)


def _momenta(variables) -> np.ndarray:
    kept = [v for name, v in variables.items() if name.endswith("momentum")]
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(v.value)) for v in kept])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
