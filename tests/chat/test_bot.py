import dataclasses

import pytest

from persona_tf.chat.bot import Bot
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import EMOTES
from persona_tf.example import ExampleConfig, Target
from persona_tf.export.bundle import Bundle
from persona_tf.text.config import TextConfig

GREEDY = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)


@pytest.fixture(scope="module")
def make_bot(shaken, packer, tokenizer):
    """DecodeConfig and fields of ExampleConfig -> a bot."""
    model = shaken(0.5, fusion="soft")

    def make(decode=GREEDY, **example):
        return Bot(Bundle("demo", 1, TextConfig(tokenizer.size), ExampleConfig(**example), decode, model, packer))

    return make


@pytest.fixture(scope="module")
def bot(make_bot):
    return make_bot()


@pytest.fixture(scope="module")
def answers(bot, cast):
    """The bot's answers to all of the cast at once."""
    return bot.answer(cast)


def _assert_same(one, other):
    assert (one.reply, one.action, one.emote, one.tokens) == (other.reply, other.action, other.emote, other.tokens)
    for key in one.leant_on.keys() | other.leant_on.keys():
        assert one.leant_on.get(key, 0) == pytest.approx(other.leant_on.get(key, 0), abs=1e-4)


def test_one_answer_for_each_target(answers, cast):
    assert [len(row) for row in answers] == [len(example.targets) for example in cast]
    flat = [answer for row in answers for answer in row]
    assert len({answer.reply for answer in flat}) > 5, "else all that follows says little"
    assert all(answer.emote in ("", *EMOTES) for answer in flat)
    assert all(2 <= answer.tokens <= 11 for answer in flat)


def test_an_answer_alone_is_the_answer_in_a_batch(bot, answers, cast):
    for number in (0, 2, 5):
        [alone] = bot.answer([cast[number]])
        for one, other in zip(alone, answers[number], strict=True):
            _assert_same(one, other)


def test_a_target_alone_is_answered_as_in_company(bot, answers, cast):
    example = cast[1]
    single = [
        dataclasses.replace(example, targets=(t,), history=tuple(h for h in example.history if h.turn < t.turn))
        for t in example.targets
    ]
    for [one], other in zip(bot.answer(single), answers[1], strict=True):
        _assert_same(one, other)


def test_the_targets_own_words_are_not_looked_at(bot, answers, cast):
    blank = [
        dataclasses.replace(example, targets=tuple(Target(turn=t.turn, reply="") for t in example.targets))
        for example in cast
    ]
    for row, other in zip(bot.answer(blank), answers, strict=True):
        for one, two in zip(row, other, strict=True):
            _assert_same(one, two)


def test_what_was_leant_on_are_items_and_earlier_turns(answers, cast):
    for example, row in zip(cast, answers, strict=True):
        for target, answer in zip(example.targets, row, strict=True):
            turns = {f"turn/{h.turn}" for h in example.history if h.turn < target.turn}
            shares = list(answer.leant_on.values())
            known = {key for key, share in answer.leant_on.items() if share > 1e-6}
            assert known <= {item.key for item in example.items} | turns
            assert shares == sorted(shares, reverse=True)
            assert min(shares) >= 0
            assert 0.5 < sum(shares) <= 1 + 1e-5, "what is left went to the beginning of the history"


def test_nothing_to_know_and_nothing_said(bot, cast):
    base = cast[1]
    bare = dataclasses.replace(base, items=(), history=(), targets=(Target(turn=0, reply=""),))
    silent = dataclasses.replace(bare, items=base.items)
    blank = dataclasses.replace(bare, history=base.history, targets=(Target(turn=9, reply=""),))
    [[first], [second], [third]] = bot.answer([bare, silent, blank])
    assert first.leant_on == {}
    assert set(second.leant_on) == {item.key for item in base.items}
    assert set(third.leant_on) == {f"turn/{turn.turn}" for turn in base.history}
    for answer, example in ((first, bare), (second, silent), (third, blank)):
        [[alone]] = bot.answer([example])
        _assert_same(alone, answer)


def test_nothing_to_answer(bot, cast):
    assert bot.answer([]) == []
    assert bot.answer([dataclasses.replace(cast[0], targets=())]) == [[]]


def test_sampling_is_decided_by_the_seed(make_bot, cast):
    bot = make_bot(decode=dataclasses.replace(GREEDY, method="sample", temperature=2.0))
    one, same, other = (bot.answer(cast, seed) for seed in (1, 1, 2))
    assert one == same
    assert [a.reply for row in one for a in row] != [a.reply for row in other for a in row]


def test_a_decode_config_takes_the_place_of_the_bundles(bot):
    short = Bot(bot.bundle, DecodeConfig(max_reply_tokens=1, max_action_tokens=1))
    assert short.decode.max_reply_tokens == 1
    assert Bot(bot.bundle).decode == GREEDY


def test_a_bot_that_only_speaks(make_bot, cast):
    bot = make_bot(learn_action=False, learn_emote=False)
    for answer in bot.answer(cast[:1])[0]:
        assert (answer.action, answer.emote) == ("", "")
        assert 1 <= answer.tokens <= 7


def test_loading_from_a_folder(bundle_dir, cast):
    bot = Bot.load(bundle_dir)
    assert bot.decode.max_reply_tokens == 6
    with pytest.raises(FileNotFoundError, match=r"bundle.json: not there"):
        Bot.load(bundle_dir / "nowhere")
