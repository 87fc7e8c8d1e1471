"""A tiny model learns a handful of dialogues by heart, through the loop, a bundle and the bot."""

import time

import pytest

from persona_tf.chat.bot import Bot
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig
from persona_tf.export.bundle import load_bundle, save_bundle
from persona_tf.text.config import TextConfig
from persona_tf.training.config import TrainConfig
from persona_tf.training.loop import Loop
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.summaries import SummaryWriter
from persona_tf.training.tensorflow_step import TensorFlowStep


@pytest.fixture(scope="module")
def learned(make_model, corpus, tokenizer, vocabulary_model, tmp_path_factory):
    """The folder of the bundle, and how long learning took."""
    began = time.monotonic()
    folder = tmp_path_factory.mktemp("learned")
    model = make_model(width=32, heads=4, feed_forward=64)
    config = TrainConfig(
        steps=250, learning_rate=1e-2, warmup_steps=20, validate_every_steps=125, checkpoint_every_steps=1000
    )
    text = TextConfig(vocabulary_size=tokenizer.size)
    configs = {"text": text, "example": ExampleConfig(), "model": model.config, "decode": DecodeConfig()}
    Loop(
        model=model,
        step=TensorFlowStep(model, make_optimizer(config), config),
        config=config,
        corpus=corpus,
        valid=corpus,
        checkpoints=folder,
        vocabulary=tokenizer.fingerprint,
        writer=lambda step: SummaryWriter(folder / "summaries", step),
        on_best=lambda step: save_bundle(folder / "bundle", "learned", step, configs, model, vocabulary_model),
    ).run()
    return folder / "bundle", time.monotonic() - began


def test_a_handful_of_dialogues_is_learned_by_heart(learned, cast):
    folder, seconds = learned
    bot = Bot(load_bundle(folder))
    answers = [answer for row in bot.answer(cast) for answer in row]
    targets = [target for example in cast for target in example.targets]
    for field in ("reply", "action", "emote"):
        wanted = ["" if (value := getattr(target, field)) == "none" else value for target in targets]
        right = sum(getattr(answer, field) == value for answer, value in zip(answers, wanted, strict=True))
        assert right > 0.9 * len(targets), field
    assert seconds < 60
