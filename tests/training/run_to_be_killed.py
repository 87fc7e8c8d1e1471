"""A short training run in a process of its own: python run_to_be_killed.py FOLDER_OF_INPUTS FOLDER_OF_RUN.

Prints "step N" after each step, so that whoever started it knows when to kill it.
"""

import json
import pathlib
import random
import sys

from persona_tf.data.corpus import pack_corpus
from persona_tf.episode import Episode
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.config import TextConfig
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.training.config import TrainConfig
from persona_tf.training.loop import Loop
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.summaries import SummaryWriter
from persona_tf.training.tensorflow_step import TensorFlowStep


class Telling:
    """A step that tells how many were taken."""

    def __init__(self, step):
        self.inner, self.optimizer, self.score = step, step.optimizer, step.score

    def train(self, features):
        result = self.inner.train(features)
        print("step", int(self.optimizer.iterations.numpy()), flush=True)
        return result


def main(inputs: pathlib.Path, run: pathlib.Path) -> None:
    tokenizer = Tokenizer((inputs / "vocabulary.model").read_bytes())
    packer = Packer(tokenizer, TextConfig(vocabulary_size=tokenizer.size))
    episodes = [Episode.from_json(data) for data in json.loads((inputs / "episodes.json").read_text())]
    corpus = pack_corpus([e for episode in episodes for e in examples(episode, ExampleConfig())], packer)
    sizes = {"width": 32, "heads": 2, "feed_forward": 64, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.1}
    random.seed(0)
    model = PersonaTransformer(ModelConfig(**sizes, precision="float32", vocabulary_size=tokenizer.size))
    model.build()
    config = TrainConfig(
        steps=60, batch_tokens=400, validate_every_steps=12, checkpoint_every_steps=5, summary_every_steps=5
    )
    step = Telling(TensorFlowStep(model, make_optimizer(config), config))
    writer = lambda at: SummaryWriter(run / "summaries", at)  # noqa: E731
    Loop(model, step, config, corpus, corpus, run, tokenizer.fingerprint, writer).run()


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
