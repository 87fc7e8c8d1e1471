"""One experiment in retrieval from its settings to trained weights, by the loop that trains bots."""

import dataclasses
import itertools
import logging
import pathlib
import random
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import keras

from persona_tf.data.pairs import Pair, with_more
from persona_tf.data.speakers import PAIRS
from persona_tf.episode import KEY_KINDS, Episode
from persona_tf.retrieval.bundle import save_retriever
from persona_tf.retrieval.encoders import Encoder, build_encoder
from persona_tf.retrieval.layout import Layout
from persona_tf.run_dir import RunDir
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.training.checkpoint import Progress
from persona_tf.training.experiment import run_vocabulary, run_writer, training_episodes, validation_episodes
from persona_tf.training.freezing import freeze
from persona_tf.training.loop import Loop
from persona_tf.training.meeting import cluster_from
from persona_tf.training.objective import retrieval_objective
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.pair_corpus import PairCorpus, evaluation_pair_batches, pack_pairs, pair_batches
from persona_tf.training.steps import make_step

if TYPE_CHECKING:
    from persona_tf.config import Settings

_log = logging.getLogger(__name__)
_ROOMS = ("data", "text", "example", "model", "retriever", "train", "evaluate")


def train_retriever(settings: "Settings", run: RunDir, data_dir: pathlib.Path) -> Progress:
    """Trains the retriever of the settings into ``run``; goes on from its last checkpoint if there is one.

    The bundle holds the weights of the lowest validation loss.

    Raises:
      ValueError, OSError: data are missing or malformed, or the run's files do not fit; the message says what to do.
      KeyboardInterrupt: after saving.
    """
    if settings.data.others:
        raise ValueError("DataConfig.others: a retriever learns from one source; leave others and weights out")
    if cluster_from():
        raise ValueError("a retriever tells the facts of a whole batch apart: train it in one process")
    keras.utils.set_random_seed(settings.train.seed)
    model_bytes = run_vocabulary(settings, run, data_dir)
    layout = Layout(Tokenizer(model_bytes), settings.text)
    valid = _valid_pairs(settings, data_dir, layout)
    corpus = _training_pairs(settings, data_dir, layout)
    encoder = make_encoder(settings, layout.tokenizer.size)
    objective = retrieval_objective(settings.retriever)
    optimizer = make_optimizer(settings.train, half=encoder.compute_dtype == "bfloat16")
    name = settings.experiment.name
    loop = Loop(
        model=encoder,
        step=make_step(encoder, optimizer, settings.train, objective),
        config=settings.train,
        corpus=corpus,
        valid=valid,
        checkpoints=run.checkpoints,
        vocabulary=layout.tokenizer.fingerprint,
        writer=lambda step: run_writer(settings, run, step, _ROOMS),
        on_best=lambda step: save_retriever(run.bundle, name, step, settings.text, encoder, model_bytes),
        weights=objective.weights,
        batches=pair_batches,
        evaluation_batches=evaluation_pair_batches,
    )
    return loop.run()


def make_encoder(settings: "Settings", vocabulary_size: int) -> Encoder:
    """The encoder of the settings, its weights drawn from the global seed."""
    sizes = dataclasses.replace(settings.model, vocabulary_size=vocabulary_size, kinds=len(KEY_KINDS))
    encoder = build_encoder(settings.retriever, sizes)
    freeze(encoder, settings.train.frozen)
    _log.info("The retriever has %s weights.", f"{encoder.count_params():,}")
    return encoder


def _training_pairs(settings: "Settings", data_dir: pathlib.Path, layout: Layout) -> PairCorpus:
    stream = _pairs_of(settings, training_episodes(settings, data_dir), with_asides=True)
    chosen = itertools.islice(stream, settings.data.train_examples or None)
    corpus = pack_pairs(with_more(chosen, settings.data.more_pairs), layout, settings.retriever)
    counts = f"{len(corpus):,}", f"{len(corpus.fact_ids):,}", f"{corpus.tokens:,}"
    _log.info("Training data: %s contexts, %s different facts, %s tokens.", *counts)
    return corpus


def _valid_pairs(settings: "Settings", data_dir: pathlib.Path, layout: Layout) -> PairCorpus:
    episodes = list(validation_episodes(settings, data_dir))
    random.Random("validation").shuffle(episodes)
    stream = _pairs_of(settings, episodes)
    most = settings.train.validation_examples or None
    return pack_pairs(itertools.islice(stream, most), layout, settings.retriever)


def _pairs_of(settings: "Settings", episodes: Iterable[Episode], **how: bool) -> Iterator[Pair]:
    from_memory = {"remembered": settings.data.remembered} if settings.data.remembered else {}
    if from_memory and settings.retriever.finds != "facts":
        raise ValueError(
            "DataConfig.remembered: what was written down is found with RetrieverConfig.finds = 'facts', got "
            f"{settings.retriever.finds!r}: leave it at 0"
        )
    return PAIRS[settings.retriever.finds](episodes, settings.example, **how, **from_memory)
