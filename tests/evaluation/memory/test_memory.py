"""The three parts with bots of whom it is known what they write down, make up and forget."""

import json
import types
import zlib

import numpy as np
import pytest

from persona_tf.chat.answer import Answer
from persona_tf.data.config import DataConfig
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.long_talk import lack, long_talk
from persona_tf.data.world.meeting import meeting
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.memory.asked import Asked, write_asked
from persona_tf.evaluation.memory.experiment import evaluate_memory, try_memory
from persona_tf.evaluation.memory.report import WITHOUT, memory_report
from persona_tf.evaluation.metrics.probes import holds
from persona_tf.evaluation.table import Result, markdown
from persona_tf.example import ExampleConfig, OwnedFact
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.store import FactStore
from persona_tf.run_dir import RunDir

WORLD = WorldConfig()
CONFIG = EvalConfig(memory_talks=3, memory_people=2, batch_targets=16, bootstrap_samples=20)
APART, SIZES = (5, 20), (10, 40)


class WordEncoder:
    """A text is the sum of its words' vectors."""

    def fingerprint(self):
        return "words"

    def embed_facts(self, facts):
        out = np.zeros((len(facts), 256), np.float32)
        for row, fact in zip(out, facts, strict=True):
            for word in fact.lower().replace(".", " ").split():
                row += np.random.default_rng(zlib.crc32(word.encode())).normal(size=256)
            row /= max(np.linalg.norm(row), 1e-9)
        return out

    def embed_contexts(self, contexts):
        return self.embed_facts([turns[-1].speech if turns else "" for turns in contexts])


@pytest.fixture
def make_memory():
    stores = []

    def make(name):
        stores.append(FactStore(None))
        return FactMemory(stores[-1], name, WordEncoder())

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def talks():
    return [long_talk("test", number, 0, WORLD, APART) for number in range(CONFIG.memory_talks)]


@pytest.fixture(scope="module")
def lacks():
    return [lack("test", number, 0, WORLD) for number in range(CONFIG.memory_people)]


class WorldBot:
    """Knows the answer to each question, and gives it where it sees it: in an item, or in its short history."""

    def __init__(self, talks, lacks, writes=True, fickle=False):
        self.bundle = types.SimpleNamespace(example=ExampleConfig(learn_facts=writes))
        self.fickle, self.answered = fickle, 0
        self.states = {turn.speech: turn.states for talk in talks for turn in talk.episode.turns}
        self.values = {q.speech: q.probe.value for talk in talks for q in talk.questions}
        for number in range(CONFIG.memory_people):
            self.values |= {q.speech: q.probe.value for q in meeting("test", number, 0, WORLD).questions}
        self.lacks = {question: one for one in lacks for question in one.questions}

    def answer(self, batch, seed=0):
        self.answered += len(batch)
        return [[Answer(self._reply(example), "", "", {i.key: 0.1 for i in example.items}, 3)] for example in batch]

    def _reply(self, example):
        question, before = example.history[-1].speech, [turn.speech for turn in example.history[-8:-1]]
        seen = [*before, *(item.text for item in example.items)]
        if one := self.lacks.get(question):
            made = [found[1] for text in seen if (found := one.plain.fullmatch(text))]
            return f"It is {made[0] if made else 'beyond me'}."
        value = self.values.get(question, "")
        return f"It is {value}." if value and any(holds(text, value) for text in seen) else "Hm."

    def extract(self, batch):
        return [[self._stated(example, target) for target in example.targets] for example in batch]

    def _stated(self, example, target):
        speech = next(turn.speech for turn in example.history if turn.turn == target.turn - 1)
        return tuple(OwnedFact("partner", state.fact.text) for state in self.states.get(speech, ()))

    def invent(self, batch):
        [example] = batch
        one = self.lacks.get(example.history[-1].speech)
        if one is None or (not self.fickle and any(one.plain.fullmatch(item.text) for item in example.items)):
            return [[""]]
        value = one.values[len(example.history) + zlib.crc32(example.history[-1].speech.encode()) % 50]
        return [[load().slots[one.slot].plain.format(value=value)]]


def tried(bot, make_memory):
    asked = try_memory(bot, bot, WORLD, CONFIG, make_memory, APART, SIZES)
    return asked, *memory_report(asked, 20)


def test_a_bot_that_writes_all_down_knows_it_however_long_ago(talks, lacks, make_memory):
    asked, metrics, beside = tried(WorldBot(talks, lacks), make_memory)
    for apart in APART:
        assert metrics[f"said_{apart}_stored"]["value"] == 1
        assert metrics[f"said_{apart}_accuracy"]["count"] == 15
        assert metrics[f"said_{apart}_accuracy"]["value"] >= metrics[f"said_{apart}_found"]["value"] > 0.5
    assert beside[WITHOUT]["said_5_accuracy"]["value"] == 1, "it is in the history"
    assert beside[WITHOUT]["said_20_accuracy"]["value"] == 0
    assert (metrics["made_up_rate"]["value"], metrics["made_up_said"]["value"]) == (1, 1)
    assert metrics["made_up_again"] == {"value": 1.0, "count": 20, "low": 1.0, "high": 1.0}
    assert metrics["facts_10_accuracy"]["value"] == 1, "the persona is shown whole"
    assert metrics["facts_40_accuracy"]["value"] == metrics["facts_40_found"]["value"] < 1
    assert metrics["facts_40_time_ratio"]["value"] > 0
    assert "facts_10_time_ratio" not in metrics
    assert {one.part for one in asked} == {"said", "facts", "made_up"}
    table = markdown(Result("fake", "remember", 0, len(asked), {}, metrics, beside))
    assert " ms |" in table


def test_a_bot_that_makes_up_something_else_each_time_is_seen(talks, lacks, make_memory):
    """What it makes up later contradicts what it said: the memory holds it to that, so it must also not read it."""
    bot = WorldBot(talks, lacks)
    reply = bot._reply
    bot._reply = lambda example: "It is beyond me." if len(example.history) > 8 else reply(example)
    metrics = tried(bot, make_memory)[1]
    assert metrics["made_up_said"]["value"] == 1
    assert metrics["made_up_again"]["value"] == 0


def test_the_memory_holds_a_fickle_bot_to_what_it_said(talks, lacks, make_memory):
    metrics = tried(WorldBot(talks, lacks, fickle=True), make_memory)[1]
    assert metrics["made_up_again"]["value"] == 1


def test_of_a_bot_that_writes_nothing_down_two_parts_are_left(talks, lacks, make_memory):
    _, metrics, beside = tried(WorldBot(talks, lacks, writes=False), make_memory)
    assert metrics["said_20_stored"]["value"] == metrics["said_20_accuracy"]["value"] == 0
    assert metrics["said_5_accuracy"]["value"] == beside[WITHOUT]["said_5_accuracy"]["value"] == 1
    assert not [name for name in metrics if name.startswith("made_up")]


def test_figures_by_hand():
    def one(part, way, size, reply, talk="a", seconds=0.0, value="Tarn"):
        return Asked(part, talk, way, size, f"Where? {talk}", value, ("Rome",), reply, bool(value), False, seconds)

    asked = [
        one("said", "memory", 5, "Tarn."),
        one("said", "memory", 5, "Tarn or Rome.", "b"),
        one("said", "none", 5, "Hm."),
        one("facts", "memory", 10, "Tarn", seconds=0.1),
        one("facts", "memory", 10, "Tarn", "b", seconds=0.3),
        one("facts", "memory", 99, "Tarn", "b", seconds=0.4),
        one("facts", "memory", 99, "Hm.", seconds=0.2),
        one("made_up", "first", 0, "Tarn"),
        one("made_up", "first", 0, "I do not know.", "b", value=""),
        one("made_up", "memory", 0, "Tarn"),
        one("made_up", "memory", 0, "Rome"),
        one("made_up", "memory", 0, "Rome", "b", value=""),
    ]
    metrics, beside = memory_report(asked, 0)
    assert {name: (metric["value"], metric["count"]) for name, metric in metrics.items()} == {
        "said_5_accuracy": (0.5, 2),
        "said_5_stored": (1, 2),
        "said_5_found": (0, 2),
        "facts_10_accuracy": (1, 2),
        "facts_10_found": (0, 2),
        "facts_10_ms": (pytest.approx(200), 2),
        "facts_99_accuracy": (0.5, 2),
        "facts_99_found": (0, 2),
        "facts_99_ms": (pytest.approx(300), 2),
        "facts_99_time_ratio": (pytest.approx(1.5), 2),
        "made_up_rate": (0.5, 2),
        "made_up_said": (1, 1),
        "made_up_again": (0.5, 2),
    }
    assert beside == {WITHOUT: {"said_5_accuracy": {"value": 0.0, "count": 1}}}
    assert memory_report([], 0) == ({}, {})


def test_answers_are_written_down(tmp_path):
    write_asked(tmp_path / "a.jsonl", [Asked("said", "t", "none", 5, "Where?", "Tarn", ("Rome", "Bath"), "Rome.")])
    line = json.loads((tmp_path / "a.jsonl").read_text())
    assert (line["reply"], line["right"], line["decoys"]) == ("Rome.", False, ["Rome"])


def test_another_source_is_an_error_before_anything_is_loaded(tmp_path):
    with pytest.raises(ValueError, match=r"was trained on convai2, .* needs a run on the built-in world"):
        evaluate_memory(RunDir(tmp_path), DataConfig("convai2"), CONFIG, DecodeConfig(), tmp_path)
    assert not list(tmp_path.iterdir())
