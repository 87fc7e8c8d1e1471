"""A tiny model learns to write down what a dialogue states and to make up what a bot lacks, through bundle and bot."""

import dataclasses

import numpy as np
import pytest

from persona_tf.chat.asking import FactsAsk
from persona_tf.chat.bot import Bot
from persona_tf.chat.recalling import RecallConfig
from persona_tf.chat.remembering import begin
from persona_tf.data.corpus import pack_corpus
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig, OwnedFact, replies_alone
from persona_tf.export.bundle import load_bundle, save_bundle
from persona_tf.learner import examples
from persona_tf.serving.model_facts import ModelFacts
from persona_tf.serving.model_thread import Limits, ModelThread, NotReadyError
from persona_tf.text.config import TextConfig
from persona_tf.text.packer import Packer
from persona_tf.text.vocabulary import FACT_MARKS
from persona_tf.training.config import TrainConfig
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep

LEARNS = ExampleConfig(learn_facts=True)
STEPS = 220


@pytest.fixture(scope="module")
def learned(stating, make_model, tokenizer, vocabulary_model, tmp_path_factory):
    """The folder of a bundle, and the loss of facts at each step."""
    text = TextConfig(vocabulary_size=tokenizer.size)
    packer = Packer(tokenizer, text, learn_facts=True)
    model = make_model(
        width=32, heads=4, feed_forward=64, fusion="soft", vocabulary_size=packer.size, fact_marks=len(FACT_MARKS)
    )
    mirrored = dataclasses.replace(stating, id="mirrored", learners=(0,), asides=())
    rows = [e for one in (stating, mirrored) for e in examples(one, LEARNS, with_asides=True, with_facts=True)]
    corpus = pack_corpus(rows, packer)
    batch = corpus.rows(np.arange(len(corpus)))
    config = TrainConfig(steps=STEPS, learning_rate=1e-2, warmup_steps=20)
    step = TensorFlowStep(model, make_optimizer(config), config)
    losses = [float(result["facts"][0] / result["facts"][1]) for result in (step.train(batch) for _ in range(STEPS))]
    folder = tmp_path_factory.mktemp("facts") / "bundle"
    configs = {"text": text, "example": LEARNS, "model": model.config, "decode": DecodeConfig()}
    save_bundle(folder, "facts", STEPS, configs, model, vocabulary_model)
    return folder, losses


@pytest.fixture(scope="module")
def bot(learned):
    """Engine -> the bot."""
    bundle = load_bundle(learned[0])
    return lambda engine: Bot(bundle, engine=engine)


@pytest.fixture(scope="module")
def example(stating):
    [example] = examples(stating, LEARNS, with_facts=True)
    return example


def test_the_loss_falls(learned):
    losses = learned[1]
    assert losses[0] > 3
    assert losses[-1] < 0.2


@pytest.mark.parametrize("engine", ["tensorflow", "onnx"])
def test_what_was_learned_is_written(engine, bot, example):
    writes = bot(engine)
    for task, write in (("extract", writes.extract), ("invent", writes.invent)):
        targets = tuple(target for target in example.targets if target.task == task)
        [found] = write([dataclasses.replace(example, targets=targets)])
        if task == "extract":
            bare = [tuple(OwnedFact(fact.owner, fact.text) for fact in target.facts) for target in targets]
            assert list(found) == bare
        else:
            assert found == ["", "", "I live in Tarn."]
    [alone] = [dataclasses.replace(example, history=example.history[:1], targets=example.targets[:1])]
    assert writes.extract([alone]) == [[(OwnedFact("partner", "I am a guard."),)]]
    assert writes.extract([alone, example, alone])[2] == writes.extract([alone])[0], "in company as alone"
    [replies] = writes.answer([replies_alone(example)])
    assert [answer.reply for answer in replies] == ["Well met!", "Mine, Fig. Mind that rusty rake.", "Who knows?"]


@pytest.mark.parametrize("engine", ["tensorflow", "onnx"])
def test_facts_are_written_beside_replies_by_the_thread_that_has_the_bot(engine, bot, example):
    writes = bot(engine)
    targets = [target for target in example.targets if target.task == "extract"]
    alone = [dataclasses.replace(example, targets=(target,)) for target in targets]
    expected = writes.extract(alone)
    told = list(writes.noting([FactsAsk(one, "extract") for one in alone], 1))
    assert len(told) > 3, "word by word"
    assert [one.answer() for one in told[-1]] == expected
    with pytest.raises(ValueError, match="of one task"):
        writes.noting([FactsAsk(alone[0], "extract"), FactsAsk(alone[0], "invent")])
    model = ModelThread(lambda: writes, Limits(), Unwatched())
    model.start()
    model.settled()
    facts = ModelFacts(model)
    assert facts.extract(alone) == expected
    assert facts.invent(alone[-1:]) == writes.invent(alone[-1:])
    assert facts.bundle is writes.bundle
    model.close(20)
    with pytest.raises(NotReadyError):
        facts.extract(alone)


class Unwatched:
    def began(self, rows):
        pass


def test_a_conversation_is_remembered(bot, memory, stating):
    partner, me = stating.characters
    # Nothing is told again: so little was learned from that one more item would be too much.
    told_nothing = RecallConfig(k=0)
    session, remembering = begin(bot("onnx"), memory, stating.setting, me, partner, config=told_nothing)
    session.say("I guard the gate.")
    session.say("Whose cat is that?")
    outcomes = [(outcome.kind, outcome.text) for outcome in remembering.learn()]
    assert outcomes == [
        ("kept", "I am a guard."),
        ("duplicate", "My cat is called Fig."),
        ("kept", "The rake here is rusty."),
    ]
    answer = session.say("And where do you live?")
    [made_up] = memory.facts("self", "invented")
    assert made_up.text == "I live in Tarn."
    assert f"memory/{made_up.number}" in answer.leant_on
    session.undo()
    remembering.learn()
    assert memory.facts(source="invented") == []


def test_nothing_is_read_where_nothing_is_asked(bot, example):
    assert bot("onnx").extract([]) == []
    assert bot("onnx").invent([dataclasses.replace(example, targets=())]) == [[]]


def test_a_bot_that_never_learned_it_says_so(bundle_dir, example):
    with pytest.raises(ValueError, match="never learned to write down facts"):
        Bot.load(bundle_dir).extract([example])
