import dataclasses
import math

import pytest

from persona_tf.chat.bot import Bot
from persona_tf.data.world.generator import episodes
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.decoders.comparison import compare_decoders
from persona_tf.evaluation.decoders.table import HUMAN
from persona_tf.evaluation.decoders.ways import WAYS
from persona_tf.evaluation.metrics.distinct import ends_in_loop
from persona_tf.evaluation.metrics.words import f1
from persona_tf.evaluation.scoring import Scorer
from persona_tf.example import ExampleConfig
from persona_tf.export.bundle import Bundle
from persona_tf.export.engines import ENGINES
from persona_tf.learner import examples
from persona_tf.text.config import TextConfig

CONFIG = EvalConfig(splits=("test",), batch_targets=16, bootstrap_samples=0)
DECODE = DecodeConfig("sample", max_reply_tokens=4, max_action_tokens=3)
TWO = {"greedy": {}, "top-k 3": {"method": "sample", "top_k": 3}}


@pytest.fixture(scope="module")
def bundle(make_model, packer):
    return Bundle("demo", 7, TextConfig(330), ExampleConfig(), DECODE, make_model(fusion="soft"), packer)


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def rows(bundle, said):
    return compare_decoders(bundle, episodes("test", 3), CONFIG, TWO, said.append)


@pytest.fixture(scope="module")
def answered(bundle):
    """Way -> example, target and answer of each target."""
    found = {}
    for way, fields in TWO.items():
        bot = Bot(bundle, DecodeConfig(max_reply_tokens=4, max_action_tokens=3, **fields))
        found[way] = [
            (example, target, answer)
            for episode in episodes("test", 3)
            for example in examples(episode, ExampleConfig())
            for target, answer in zip(example.targets, bot.answer([example])[0], strict=True)
        ]
    return found


def test_each_way_is_measured_on_its_own_replies(answered, rows):
    assert [row.way for row in rows] == [HUMAN, *TWO]
    for row in rows[1:]:
        wanted = [f1(a.reply, t.reply) for _, t, a in answered[row.way] if t.reply]
        assert row.metrics["reply_f1"]["value"] == pytest.approx(sum(wanted) / len(wanted))
        assert row.milliseconds > 0


@pytest.mark.slow
def test_the_perplexity_of_a_way_is_that_of_its_own_replies(bundle, answered, rows):
    for row in rows[1:]:
        alone = [
            dataclasses.replace(example, targets=(dataclasses.replace(target, reply=answer.reply),))
            for example, target, answer in answered[row.way]
            if target.reply
        ]
        scores = [score for [score] in Scorer(bundle).score(alone)]
        nats, tokens = sum(s.reply_nats for s in scores), sum(s.reply_tokens for s in scores)
        assert row.metrics["generated_ppl"]["value"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
        assert row.metrics["generated_ppl"]["count"] == len(alone)


def test_loops_are_of_the_models_tokens(bundle, answered, rows):
    for row in rows[1:]:
        replies = [answer.reply for _, target, answer in answered[row.way] if target.reply]
        loops = [ends_in_loop(tuple(ids)) for ids in bundle.packer.tokenizer.encode(replies)]
        assert row.metrics["generated_repetition"]["value"] == sum(loops) / len(loops)


def test_the_first_row_is_of_the_gold_replies(bundle, answered, rows):
    gold = [dataclasses.replace(example, targets=(target,)) for example, target, _ in answered["greedy"]]
    scores = [score for [score] in Scorer(bundle).score(gold)]
    nats, tokens = sum(s.reply_nats for s in scores), sum(s.reply_tokens for s in scores)
    human = rows[0].metrics
    assert human["generated_ppl"]["value"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert human["generated_words"]["value"] > rows[1].metrics["generated_words"]["value"]
    assert human["probe_persona_accuracy"]["value"] == 1
    assert "reply_f1" not in human, "with themselves they agree, which says nothing"
    assert rows[0].milliseconds is None


def test_it_says_what_comes_and_how_long_it_takes(rows, said):
    assert [line.partition(";")[0] for line in said] == ["way 1 of 2: greedy", "way 2 of 2: top-k 3"]
    for line in said:
        assert line.endswith(" minutes left")


def test_a_split_without_targets_is_an_error(bundle):
    with pytest.raises(ValueError, match="no targets"):
        compare_decoders(bundle, [], CONFIG, TWO)


def test_every_engine_of_the_ways_is_there():
    assert {fields.get("engine", "auto") for fields in WAYS.values()} <= set(ENGINES)


@pytest.mark.slow
def test_as_many_targets_are_answered_as_are_asked_for(bundle, monkeypatch):
    asked = []
    answer = Bot.answer
    monkeypatch.setattr(Bot, "answer", lambda self, batch, *a: asked.extend(batch) or answer(self, batch, *a))
    few = dataclasses.replace(CONFIG, max_examples=2)
    _, row = compare_decoders(bundle, episodes("test", 3), few, {"greedy": {}})
    assert row.metrics["reply_f1"]["count"] < 10
    assert len({example.id for example in asked}) == 1
