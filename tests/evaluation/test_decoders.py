import dataclasses
import json

import pytest

from persona_tf.chat.bot import Bot
from persona_tf.data.world.generator import episodes
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.decoders import WAYS, compare_decoders, setting, write_comparison
from persona_tf.evaluation.metrics import f1
from persona_tf.example import ExampleConfig, examples
from persona_tf.export.bundle import Bundle
from persona_tf.export.engines import ENGINES
from persona_tf.text.config import TextConfig

CONFIG = EvalConfig(splits=("test",), batch_targets=16, bootstrap_samples=0)
DECODE = DecodeConfig("sample", max_reply_tokens=4, max_action_tokens=3)
TWO = {"greedy": {}, "top-k 3": {"method": "sample", "top_k": 3}}


@pytest.fixture(scope="module")
def bundle(make_model, packer):
    return Bundle("demo", 7, TextConfig(330), ExampleConfig(), DECODE, make_model(fusion="soft"), packer)


@pytest.fixture(scope="module")
def rows(bundle):
    return compare_decoders(bundle, episodes("test", 3), CONFIG, TWO)


def test_each_way_is_measured_on_its_own_replies(bundle, rows):
    assert [row.way for row in rows] == list(TWO)
    for row, fields in zip(rows, TWO.values(), strict=True):
        bot = Bot(bundle, DecodeConfig(max_reply_tokens=4, max_action_tokens=3, **fields))
        pairs = [
            (target, answer)
            for episode in episodes("test", 3)
            for example in examples(episode, ExampleConfig())
            for target, answer in zip(example.targets, bot.answer([example])[0], strict=True)
        ]
        wanted = [f1(answer.reply, target.reply) for target, answer in pairs if target.reply]
        assert row.metrics["reply_f1"]["value"] == pytest.approx(sum(wanted) / len(wanted))
        assert row.milliseconds > 0


def test_as_many_targets_are_answered_as_are_asked_for(bundle, monkeypatch):
    asked = []
    answer = Bot.answer
    monkeypatch.setattr(Bot, "answer", lambda self, batch, *a: asked.extend(batch) or answer(self, batch, *a))
    few = dataclasses.replace(CONFIG, max_examples=2)
    [row] = compare_decoders(bundle, episodes("test", 3), few, {"greedy": {}})
    assert row.metrics["reply_f1"]["count"] < 10
    assert len({example.id for example in asked}) == 1


def test_the_table_has_a_line_for_each_way(rows, tmp_path):
    text = write_comparison(tmp_path, "test", rows)
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == list(TWO)
    assert (tmp_path / "decoders_test.md").read_text() == text
    assert [row["way"] for row in json.loads((tmp_path / "decoders_test.json").read_text())] == list(TWO)


def test_the_ways_are_decode_configs_and_differ():
    settings = [setting(DecodeConfig(), fields) for fields in WAYS.values()]
    assert len(set(settings)) == len(WAYS)
    assert settings[0] == (DecodeConfig(), "auto"), "the one to compare with comes first"
    assert all(engine in ENGINES for _, engine in settings)
