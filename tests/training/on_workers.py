"""A short training as one of several workers, or alone: python on_workers.py FOLDER_OF_INPUTS FOLDER_OF_RUN [REPLICAS].

The first worker writes the loss of each step to losses.txt in the run. With REPLICAS, one process has so many.
"""

import contextlib
import json
import pathlib
import sys

import keras
import tensorflow as tf

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
from persona_tf.training.launcher import die_with_launcher
from persona_tf.training.loop import Loop
from persona_tf.training.meeting import cluster_from, meet
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.steps import make_step, make_strategy
from persona_tf.training.summaries import SummaryWriter

MODEL = {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "decoder_layers": 1, "fusion": "soft"}
TRAIN = {"steps": 50, "batch_tokens": 400, "validate_every_steps": 25, "checkpoint_every_steps": 5}
MORE = {"accumulate": 1, "knowledge_weight": 0.5, "pointer_weight": 0.5, "label_smoothing": 0.1, "average_decay": 0.9}


class Telling:
    """A step that writes down its losses."""

    def __init__(self, step, path):
        self.inner, self.path, self.optimizer, self.score = step, path, step.optimizer, step.score

    def train(self, *batches):
        result = self.inner.train(*batches)
        with self.path.open("a") as file:
            file.write(f"{int(self.optimizer.iterations.numpy())} {float(result['loss'])!r}\n")
        return result


def main(inputs: pathlib.Path, run: pathlib.Path, replicas: int = 0) -> None:
    die_with_launcher()
    cluster, strategy = cluster_from(), None
    if cluster:
        meet(cluster, "a test")
        strategy = make_strategy(cluster)
    elif replicas:
        [processor] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * replicas)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
    tokenizer = Tokenizer((inputs / "vocabulary.model").read_bytes())
    packer = Packer(tokenizer, TextConfig(vocabulary_size=tokenizer.size))
    given = json.loads((inputs / "inputs.json").read_text())
    episodes = [Episode.from_json(data) for data in given["episodes"]]
    corpus = pack_corpus([e for episode in episodes for e in examples(episode, ExampleConfig())], packer)
    keras.utils.set_random_seed(3)
    config = TrainConfig(**{**TRAIN, **MORE, **given["train"]})
    sizes = {**MODEL, "dropout": given["dropout"], "vocabulary_size": tokenizer.size}
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = PersonaTransformer(ModelConfig(**sizes, precision="float32"))
        model.build()
        step = make_step(model, make_optimizer(config), config, strategy=strategy)
    worker = cluster.number if cluster else 0
    run.mkdir(parents=True, exist_ok=True)
    told = step if worker else Telling(step, run / "losses.txt")
    writer = lambda at: SummaryWriter(run / "summaries", at)  # noqa: E731
    Loop(model, told, config, corpus, corpus, run, "tiny", writer, worker=worker).run()


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:3]), *map(int, sys.argv[3:]))
