"""The evaluator on a tiny untrained bot: the figures are those of the parts, and every file is there."""

import contextlib
import dataclasses
import itertools
import json
import math
import time
import types
import zlib

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from persona_tf.chat.bot import Answer, Bot
from persona_tf.data.config import DataConfig
from persona_tf.data.world.generator import episodes
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation import evaluator
from persona_tf.evaluation.baselines import TrainingCounts, baselines
from persona_tf.evaluation.candidates import draw_candidates
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.counterfactual import changes, draw_missing, shuffle_source, swap_value
from persona_tf.evaluation.evaluator import evaluate, score_episodes
from persona_tf.evaluation.prediction_file import CHANGES, read_predictions
from persona_tf.evaluation.report import report
from persona_tf.evaluation.samples import attention_picture, show_samples
from persona_tf.evaluation.scoring import Scorer, TargetScore
from persona_tf.evaluation.shown_facts import shown_facts
from persona_tf.evaluation.trigram import train_trigram, trigram_baseline
from persona_tf.evaluation.written_facts import WrittenFacts, written_facts
from persona_tf.example import EMOTE_LABELS, ExampleConfig, OwnedFact, replies_alone
from persona_tf.export.bundle import Bundle, save_bundle
from persona_tf.learner import examples
from persona_tf.run_dir import RunDir
from persona_tf.text.config import TextConfig
from persona_tf.training.summaries import SummaryWriter

DECODE = DecodeConfig(max_reply_tokens=4, max_action_tokens=3)
CONFIG = EvalConfig(splits=("test",), batch_targets=16, bootstrap_samples=50, gaps=True, trigram=True)


@pytest.fixture(scope="module")
def bundle(make_model, packer):
    model = make_model(fusion="soft")
    return Bundle("demo", 7, TextConfig(vocabulary_size=330), ExampleConfig(), DECODE, model, packer)


@pytest.fixture(scope="module")
def scored(bundle):
    return score_episodes(Bot(bundle), Scorer(bundle), list(episodes("test", 6)), CONFIG)


def test_there_is_a_record_and_a_context_for_each_target(scored):
    targets, contexts = scored
    wanted = [t for episode in episodes("test", 6) for e in examples(episode, ExampleConfig()) for t in e.targets]
    assert [target.gold_reply for target in targets] == [t.reply for t in wanted]
    assert len({target.id for target in targets}) == len(targets) == len(contexts)
    for target, context, gold in zip(targets, contexts, wanted, strict=True):
        assert target.question == context.last_partner_speech
        assert target.reply_bytes == len(gold.reply.encode())
        assert (target.swapped is not None) == (gold.probe is not None and gold.probe.swap is not None)
        assert not target.gold_action or target.action in target.available_actions
        assert target.emote != "none"
        assert {"persona_shuffled", "persona_missing", "setting_shuffled", "setting_missing"} <= set(
            target.changed_nats
        )
        assert (target.missing is not None) == bool(target.value)
        assert {*target.leant_on} >= {key for key in target.knowledge_gold if key in dict(context.items)}
        texts = dict(context.items)
        assert target.knowledge_texts == tuple(texts[key] for key in target.knowledge_gold if key in texts)


def test_what_the_bot_is_not_shown_is_needed_all_the_same():
    bot = Echo()
    bot.bundle = types.SimpleNamespace(example=ExampleConfig(kinds=("self_name",)))
    targets, contexts = score_episodes(bot, bot, list(episodes("test", 6)), EvalConfig(swapped=False))
    needing = [t for t in targets if any(key.startswith("persona/") for key in t.knowledge_gold)]
    assert len(needing) > 5
    assert all(t.knowledge_texts for t in needing)
    assert {key for context in contexts for key, _ in context.items} == {"self_name/0"}


@pytest.mark.slow
def test_a_bot_can_be_left_without_anything_to_know(bundle):
    bare = dataclasses.replace(bundle, example=ExampleConfig(kinds=("persona",)))
    targets, _ = score_episodes(Bot(bare), Scorer(bare), list(episodes("test", 2)), EvalConfig(gaps=True))
    for target in targets:
        assert math.isfinite(target.changed_nats["persona_missing"])
        assert "setting_missing" not in target.changed_nats, "there is none to take away"
    assert any(target.missing is not None for target in targets)


def _seen(example, target):
    """All that a bot is shown for a target, as a string."""
    return "|".join([f"{target.turn}", *(i.text for i in example.items), *(t.speech for t in example.history)])


class Notes:
    """Writes down of each turn who spoke it, and makes up something wherever it is asked."""

    def extract(self, examples):
        said = [{t.turn + 1: t for t in e.history} for e in examples]
        return [[(OwnedFact("partner", said[i][t.turn].speech),) for t in e.targets] for i, e in enumerate(examples)]

    def invent(self, examples):
        return [[f"I made up {t.turn}." for t in e.targets] for e in examples]


def test_facts_belong_to_the_reply_that_follows(stating):
    [example] = examples(stating, ExampleConfig(learn_facts=True), with_facts=True)
    first, second, third = written_facts(Notes(), [example], lambda ask, asked, task: ask(asked))
    assert first.facts_gold == ("turn/0 partner: I am a guard.",)
    assert first.facts == ("turn/0 partner: I guard the gate.",)
    assert (first.made_up, first.made_up_gold) == ("I made up 1.", "")
    assert second.facts == ("turn/1 partner: Well met!", "turn/2 partner: Whose cat is that?")
    assert second.facts_gold == ()
    assert (second.made_up, second.made_up_gold) == ("I made up 3.", "")
    assert third.facts_gold == ("turn/3 self: My cat is called Fig.", "turn/3 world: The rake here is rusty.")
    assert (third.made_up, third.made_up_gold) == ("I made up 5.", "I live in Tarn.")
    bare = [replies_alone(example)]
    assert written_facts(None, bare, None) == [WrittenFacts()] * 3, "a bot that writes none is not asked"


class Echo:
    """A bot and a scorer whose answers and figures are what they were shown."""

    def __init__(self, delay=lambda examples: 0.0):
        self.bundle = types.SimpleNamespace(example=ExampleConfig(max_targets=3))
        self.delay = delay

    def answer(self, examples):
        time.sleep(self.delay(examples))
        return [[Answer(_seen(e, t), "", "", {}, 1) for t in e.targets] for e in examples]

    def score(self, examples):
        logits = np.zeros(len(EMOTE_LABELS))
        return [
            [TargetScore(zlib.crc32(_seen(e, t).encode()), 1, 1, True, 0.0, 0, 1.0, logits, -1, -1) for t in e.targets]
            for e in examples
        ]

    def rank_actions(self, examples):
        return [dict.fromkeys(example.targets[0].available_actions, (1.0, 1)) for example in examples]


def test_each_target_has_its_own_answer_swap_and_shuffle():
    found = list(episodes("test", 12))
    config = EvalConfig(batch_targets=5, shuffled_persona=True, seed=3)
    # The first batch is ready last.
    batches = itertools.count()
    bot = Echo(lambda examples: 0.0 if next(batches) else 0.1)
    targets, _ = score_episodes(bot, bot, found, config)
    cast = [example for episode in found for example in examples(episode, bot.bundle.example)]
    alone = [dataclasses.replace(example, targets=(target,)) for example in cast for target in example.targets]
    shuffled = [(e, t) for e in shuffle_source(cast, "persona", config.seed) for t in e.targets]
    assert len({target.reply for target in targets}) == len(targets), "so that a wrong order is seen"
    swaps = 0
    for target, example, (strange, same) in zip(targets, alone, shuffled, strict=True):
        assert target.reply == bot.answer([example])[0][0].reply
        assert target.reply_nats == bot.score([example])[0][0].reply_nats
        assert target.changed_nats == {"persona_shuffled": zlib.crc32(_seen(strange, same).encode())}
        assert target.changed_nats["persona_shuffled"] != target.reply_nats
        swapped = swap_value(example)
        assert (target.swapped is None) == (swapped is None)
        if swapped:
            swaps += 1
            assert target.swapped.reply == _seen(swapped, example.targets[0]) != target.reply
            assert example.targets[0].probe.swap.text in target.swapped.reply
            assert target.swapped.value == example.targets[0].probe.swap.value
    assert swaps > 10
    assert len(alone) > 30


def test_each_target_has_its_own_changes_and_its_own_question_without_its_source():
    found = list(episodes("test", 12))
    config = EvalConfig(batch_targets=5, gaps=True, missing_probes=4, seed=3)
    bot = Echo()
    targets, contexts = score_episodes(bot, bot, found, config)
    cast = [example for episode in found for example in examples(episode, bot.bundle.example)]
    alone = [dataclasses.replace(example, targets=(target,)) for example in cast for target in example.targets]
    for name, (each_alone, change) in changes(config.seed).items():
        before = alone if each_alone else cast
        pairs = [(old, new, t) for old, new in zip(before, change(before), strict=True) for t in new.targets]
        for target, (old, new, same) in zip(targets, pairs, strict=True):
            nats = zlib.crc32(_seen(new, same).encode()) if new != old else None
            assert target.changed_nats.get(name) == nats
    assert {name for target in targets for name in target.changed_nats} == set(CHANGES)
    missing = draw_missing(alone, 4, config.seed)
    assert sum(example is not None for example in missing) == 12, "of three sources"
    for target, context, example in zip(targets, contexts, missing, strict=True):
        assert target.missing == (example and _seen(example, example.targets[0]))
        assert bool(context.missing) == (example is not None)
        if example:
            assert target.value.lower() not in " ".join(context.missing).lower()


def test_replies_that_draw_on_facts_are_scored_with_these_with_found_ones_and_with_none():
    class First:
        """Finds what stands first."""

        def score(self, contexts, facts):
            return [-np.arange(len(some), dtype=np.float32) for some in facts]

    bot, found = Echo(), list(episodes("test", 6))
    config = EvalConfig(swapped=False, missing_probes=0, found_facts=1)
    targets, _ = score_episodes(bot, bot, found, config, finder=First())
    alone = [
        dataclasses.replace(example, targets=(target,))
        for episode in found
        for example in examples(episode, bot.bundle.example)
        for target in example.targets
    ]
    for target, shown in zip(targets, shown_facts(alone, First(), 1), strict=True):
        nats = {name: zlib.crc32(_seen(one, one.targets[0]).encode()) for name, one in shown.items()}
        assert target.changed_nats == nats
        assert bool(nats) == any(key.startswith("persona/") for key in target.knowledge_gold)
    assert {"reply_facts_found_gap", "reply_facts_none_gap"} <= report(targets).keys()


def test_swaps_and_shuffles_can_be_left_out():
    bot = Echo()
    config = EvalConfig(swapped=False, missing_probes=0)
    targets, contexts = score_episodes(bot, bot, list(episodes("test", 3)), config)
    assert {target.swapped for target in targets} == {target.missing for target in targets} == {None}
    assert not any(target.changed_nats for target in targets)
    assert not any(context.missing or context.swapped_items or context.swapped_history for context in contexts)


def test_what_cannot_be_shuffled_is_not_scored_as_if_it_were():
    """Of the own persona in the place of another's the gap would be 0."""
    bot = Echo()
    targets, _ = score_episodes(bot, bot, list(episodes("test", 1)), EvalConfig(shuffled_persona=True))
    assert [target.changed_nats for target in targets] == [{} for _ in targets]
    assert "reply_persona_gap" not in report(targets)


def test_one_target_scores_alone_as_in_company(bundle):
    found = [e for episode in episodes("test", 3) for e in examples(episode, ExampleConfig())]
    scorer = Scorer(bundle)
    together = [score for scores in scorer.score(found) for score in scores]
    alone = [scorer.score([dataclasses.replace(e, targets=(t,))])[0][0] for e in found[:1] for t in e.targets]
    for one, other in zip(alone, together, strict=False):
        assert one.reply_nats == pytest.approx(other.reply_nats, rel=1e-4)
        assert (one.reply_tokens, one.item, one.turn) == (other.reply_tokens, other.item, other.turn)
        np.testing.assert_allclose(one.emote_logits, other.emote_logits, atol=1e-4)


def test_actions_are_ranked_by_their_own_nats(bundle):
    found = [e for episode in episodes("test", 20) for e in examples(episode, ExampleConfig())]
    acting = [dataclasses.replace(e, targets=(t,)) for e in found for t in e.targets if t.action][:3]
    scorer = Scorer(bundle)
    for example, costs in zip(acting, scorer.rank_actions(acting), strict=True):
        [target] = example.targets
        assert set(costs) == set(target.available_actions)
        nats, tokens = costs[target.action]
        score = scorer.score([example])[0][0]
        assert (nats, tokens) == (pytest.approx(score.action_nats, rel=1e-4), score.action_tokens)


def test_the_action_chosen_by_nats_a_token_may_be_another(bundle):
    class Long(Echo):
        """The longer action costs more, but less a token."""

        def rank_actions(self, examples):
            return [{a: (5.0 + len(a), len(a) ** 2) for a in e.targets[0].available_actions} for e in examples]

    bot = Long()
    targets, _ = score_episodes(bot, bot, list(episodes("test", 10)), EvalConfig())
    acting = [target for target in targets if target.gold_action]
    assert acting
    for target in acting:
        assert target.action == min(target.available_actions, key=len)
        assert len(target.action_per_token) == max(map(len, target.available_actions))
    right = sum(t.action_per_token == t.gold_action for t in acting)
    assert report(targets)["action_accuracy_per_token"]["value"] == right / len(acting)


@pytest.mark.slow
def test_a_reply_longer_than_those_of_training_is_scored_whole_or_not_at_all(bundle, monkeypatch):
    [example] = [e for episode in episodes("test", 1) for e in examples(episode, ExampleConfig(max_targets=1))][:1]
    words = bundle.packer.config.target_tokens * ["no"]
    twice = dataclasses.replace(example.targets[0], reply=" ".join(words * 2))
    [[score]] = Scorer(bundle).score([dataclasses.replace(example, targets=(twice,))])
    assert score.reply_whole
    assert score.reply_tokens == len(bundle.packer.tokenizer.encode([twice.reply])[0]) + 1
    monkeypatch.setattr("persona_tf.evaluation.scoring.LONGEST_REPLY_TOKENS", 9)
    [[cut]] = Scorer(bundle).score([dataclasses.replace(example, targets=(twice,))])
    assert (cut.reply_whole, cut.reply_tokens) == (False, 9)


def test_replies_are_ranked_by_their_own_nats(bundle):
    found = [e for episode in episodes("test", 4) for e in examples(episode, ExampleConfig())]
    singles = [dataclasses.replace(e, targets=(t,)) for e in found for t in e.targets][:6]
    candidates = [*draw_candidates(singles, 4)[:5], ()]
    scorer = Scorer(bundle)
    ranked = scorer.rank_replies(singles, candidates)
    assert ranked[5] is None
    for example, own, found in zip(singles, candidates, ranked[:5], strict=False):
        assert found.candidates == own
        for reply, nats, tokens in zip(own, found.nats, found.tokens, strict=True):
            [target] = example.targets
            alone = dataclasses.replace(example, targets=(dataclasses.replace(target, reply=reply),))
            score = scorer.score([alone])[0][0]
            assert nats == pytest.approx(score.reply_nats, rel=1e-3)
            assert tokens == score.reply_tokens


def test_the_true_reply_is_ranked_among_as_many_as_asked_for(bundle):
    config = EvalConfig(ranked=5, bootstrap_samples=0, swapped=False)
    targets, contexts = score_episodes(Bot(bundle), Scorer(bundle), list(episodes("test", 3)), config)
    for target in targets:
        assert len(target.ranked.candidates) == 5
        nats = dict(zip(target.ranked.candidates, target.ranked.nats, strict=True))
        assert nats[target.gold_reply] == pytest.approx(target.reply_nats, rel=1e-3)
    metrics = report(targets, bootstrap_samples=0)
    best = sum(t.ranked.candidates[int(np.argmin(t.ranked.nats))] == t.gold_reply for t in targets)
    assert metrics["reply_r1"] == {"value": best / len(targets), "count": len(targets)}
    beside = baselines(targets, contexts, TrainingCounts(), 0)
    assert beside["random"]["reply_r5"]["value"] == 1
    assert "reply_r1" not in beside["majority"]


def test_a_gap_is_the_mean_difference(scored):
    targets, _ = scored
    for name, change in (("reply_persona_gap", "persona_shuffled"), ("reply_history_missing_gap", "history_missing")):
        touched = [t for t in targets if change in t.changed_nats]
        more = sum(t.changed_nats[change] - t.reply_nats for t in touched)
        gap = report(targets)[name]
        assert gap["value"] == pytest.approx(more / sum(t.reply_tokens for t in touched))
        assert gap["count"] == len(touched) > 0


def test_the_trigram_is_told_all_turns(scored, tokenizer):
    targets, _ = scored
    column = trigram_baseline(targets, train_trigram(episodes("train", 30), tokenizer), tokenizer)
    assert set(column) == {"reply_ppl", "reply_word_ppl", "reply_bits_per_byte"}
    assert 1 < column["reply_ppl"]["value"] < tokenizer.size


def test_evaluate_writes_every_file(bundle, vocabulary_model, tmp_path):
    run = RunDir(tmp_path / "run")
    configs = {name: getattr(bundle, name) for name in ("text", "example", "decode")}
    save_bundle(run.bundle, "demo", 7, configs | {"model": bundle.model.config}, bundle.model, vocabulary_model)
    data = DataConfig("world", {"train": 20, "test": 4})
    earlier = SummaryWriter(run.summaries)
    for step in (1, 9):
        earlier.scalars({"train/loss": 1.0}, step)
    earlier.close()
    board = lambda folder: contextlib.closing(SummaryWriter(folder, begins=False))  # noqa: E731
    config = dataclasses.replace(CONFIG, gaps=False, shuffled_persona=True)
    [result] = evaluate(run, data, config, tmp_path / "data", board=board)
    written = json.loads(run.evaluation("test", "json").read_text())
    assert (written["experiment"], written["split"], written["step"]) == ("demo", "test", 7)
    assert written["examples"] == len(read_predictions(run.predictions("test"))) == result.examples
    assert set(written["baselines"]) == {"random", "majority", "repeat", "overlap", "trigram"}
    for name in ("reply_ppl", "action_decision_f1", "emote_accuracy", "knowledge_r1", "probe_persona_accuracy"):
        assert math.isfinite(written["metrics"][name]["value"]), name
        assert written["metrics"][name]["count"] > 0
    recomputed = report(read_predictions(run.predictions("test")), 50, CONFIG.seed)
    for name, metric in recomputed.items():
        assert written["metrics"][name]["value"] == pytest.approx(metric["value"], rel=1e-6), name
    assert run.evaluation("test", "md").is_file()
    assert run.evaluation("test", "png").read_bytes().startswith(b"\x89PNG")
    assert run.leant_on("test").read_bytes().startswith(b"\x89PNG")
    assert run.evaluation("test", "csv").is_file()
    shown = EventAccumulator(str(run.summaries)).Reload()
    assert [point.step for point in shown.Scalars("train/loss")] == [1, 9], "curves beyond the bundle's step stay"
    for name, path in (("probes", run.evaluation("test", "png")), ("leant_on", run.leant_on("test"))):
        [image] = shown.Images(f"evaluation/test/{name}")
        assert image.step == 7
        assert image.encoded_image_string == path.read_bytes()


def test_a_board_that_cannot_be_written_is_a_word_and_no_failure(tmp_path, caplog):
    def full(folder):
        raise OSError(28, "No space left on device", str(folder))

    evaluator._show(full, RunDir(tmp_path), {"evaluation/test/probes": object()}, 1)
    assert "TensorBoard does not show evaluation/test/probes" in caplog.text
    evaluator._show(full, RunDir(tmp_path), {}, 1)
    assert len(caplog.records) == 1


def test_nothing_is_overwritten_where_a_split_is_missing(tmp_path, monkeypatch):
    def read_split(source, split, data_dir, options):
        if split == "gone":
            raise FileNotFoundError("gone")
        yield from episodes("test", 2)

    monkeypatch.setattr(evaluator, "read_split", read_split)
    monkeypatch.setattr(Bot, "load", lambda *_: pytest.fail("the splits come first"))
    run = RunDir(tmp_path)
    with pytest.raises(FileNotFoundError, match="gone"):
        evaluate(run, DataConfig("world"), EvalConfig(splits=("test", "gone")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_takes_long_to_make_is_made_once(bundle, monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(evaluator, "read_split", lambda *_: episodes("test", 2))
    monkeypatch.setattr(Bot, "load", lambda *_: types.SimpleNamespace(bundle=bundle, decode=bundle.decode))
    monkeypatch.setattr(evaluator, "Scorer", lambda bundle: made.append("scorer"))
    monkeypatch.setattr(evaluator, "train_trigram", lambda *_: made.append("trigram") or object())
    monkeypatch.setattr(evaluator, "score_episodes", lambda *_: ([], []))
    for name in ("report", "baselines", "trigram_baseline"):
        monkeypatch.setattr(evaluator, name, lambda *_: {})
    results = evaluate(RunDir(tmp_path), DataConfig("world"), EvalConfig(splits=("a", "b"), trigram=True), tmp_path)
    assert [result.split for result in results] == ["a", "b"]
    assert sorted(made) == ["scorer", "trigram"]


class Written:
    """A summary writer that remembers."""

    def __init__(self):
        self.texts, self.pictures = {}, {}

    def text(self, tag, markdown, step):
        self.texts[tag] = markdown

    def picture(self, tag, png, step):
        self.pictures[tag] = png


def test_samples_show_context_answer_and_a_picture(bundle, make_examples):
    written = Written()
    cast = make_examples()[:2]
    show_samples(written, Bot(bundle), cast, 3)
    assert set(written.texts) == {"reply/0", "reply/1"}
    assert cast[0].items[0].text in written.texts["reply/0"]
    assert cast[0].targets[-1].reply in written.texts["reply/0"]
    assert written.pictures["leant_on"].startswith(b"\x89PNG")
    [answers] = Bot(bundle).answer(cast[:1])
    [axes] = attention_picture(cast[0], answers).axes
    shares = axes.images[0].get_array()
    assert shares.shape == (len(cast[0].targets), len(cast[0].items) + len(cast[0].history))
    np.testing.assert_array_less(np.asarray(shares).sum(axis=1), 1.0001)
