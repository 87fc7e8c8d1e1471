import dataclasses
import os
import re

import pytest

from persona_tf.chat.bot import Bot
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import EMOTES
from persona_tf.example import ExampleConfig, HistoryTurn, Target, lay_out
from persona_tf.export.bundle import Bundle
from persona_tf.text.config import TextConfig

GREEDY = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)


@pytest.fixture(scope="module")
def make_bundle(shaken, packer, tokenizer):
    """DecodeConfig and fields of ExampleConfig -> a bundle."""
    model = shaken(0.5, fusion="soft")

    def make(decode=GREEDY, **example):
        return Bundle("demo", 1, TextConfig(tokenizer.size), ExampleConfig(**example), decode, model, packer)

    return make


@pytest.fixture(scope="module", params=["auto", "tensorflow"])
def make_bot(make_bundle, request):
    """DecodeConfig and fields of ExampleConfig -> a bot; once with the ONNX engine where that will do."""
    return lambda decode=GREEDY, **example: Bot(make_bundle(decode, **example), engine=request.param)


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


def test_a_fork_says_what_to_do_instead_of_hanging(bot, cast):
    bot.answer(cast[:1])
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            bot.answer(cast[:1])
        except BaseException as error:  # the child must end here, whatever comes
            os.write(write, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(write)
    assert re.match(rf"RuntimeError: this bot was made by process {os.getpid()} .*, {child}: load the", _all_of(read))
    os.waitpid(child, 0)
    assert bot.answer(cast[:1])


def _all_of(descriptor):
    with open(descriptor, encoding="utf-8") as file:
        return file.read()


def test_sampling_is_decided_by_the_seed(make_bot, cast):
    bot = make_bot(decode=dataclasses.replace(GREEDY, method="sample", temperature=2.0))
    one, same, other = (bot.answer(cast, seed) for seed in (1, 1, 2))
    assert one == same
    assert [a.reply for row in one for a in row] != [a.reply for row in other for a in row]


SAMPLE = dataclasses.replace(GREEDY, method="sample", temperature=1.5)


def _one(cast, number=1):
    """An example with one target."""
    example = cast[number]
    return dataclasses.replace(example, targets=example.targets[-1:])


def test_a_sample_is_the_same_in_any_company(make_bot, cast):
    bot = make_bot(decode=SAMPLE)
    together = bot.answer(cast)
    for number, example in enumerate(cast):
        for one, other in zip(bot.answer([example])[0], together[number], strict=True):
            _assert_same(one, other)
    backwards = bot.answer(cast[::-1])[::-1]
    assert [[a.reply for a in row] for row in backwards] == [[a.reply for a in row] for row in together]


def test_the_best_of_several_comes_first(make_bot, cast):
    beam = dataclasses.replace(GREEDY, method="beam", hypotheses=3, length_alpha=0.0)
    bot = make_bot(decode=beam)
    for row, best in zip(bot.n_best(cast), bot.answer(cast), strict=True):
        for hypotheses, answer in zip(row, best, strict=True):
            assert len(hypotheses) == 3
            assert hypotheses[0] == answer
            assert [h.log_prob for h in hypotheses] == sorted((h.log_prob for h in hypotheses), reverse=True)


@pytest.mark.parametrize("decode", [GREEDY, SAMPLE, dataclasses.replace(SAMPLE, hypotheses=2)], ids=["g", "s", "s2"])
@pytest.mark.parametrize("tokens", [1, 3])
def test_the_pieces_of_a_stream_are_the_reply(make_bot, cast, decode, tokens):
    bot, pieces = make_bot(decode=decode), []
    example = _one(cast)
    answer = bot.stream(example, pieces.append, tokens=tokens)
    assert "".join(pieces) == answer.reply
    assert all(pieces)
    assert len(pieces) > 1 or decode.hypotheses > 1
    [[whole]] = bot.answer([example])
    _assert_same(answer, whole)


def test_pieces_are_whole_characters(make_bot, cast):
    """Bytes of "я", one token each: half of it is never told."""
    bot = make_bot(decode=dataclasses.replace(GREEDY, forced_words=("я\u2581",), max_reply_tokens=12))
    pieces = []
    answer = bot.stream(_one(cast), pieces.append, tokens=1)
    assert "я\u2581" in answer.reply
    assert "".join(pieces) == answer.reply
    assert not any("\ue000" in piece or piece.endswith("\ufffd") for piece in pieces[:-1])


def test_what_cannot_be_streamed(make_bot, cast):
    bot = make_bot()
    with pytest.raises(ValueError, match="at least 1 token between two pieces, got 0"):
        bot.stream(_one(cast), print, tokens=0)
    for targets in ((), cast[1].targets[:1] * 2):
        with pytest.raises(ValueError, match=f"one target can be streamed, this one has {len(targets)}"):
            bot.stream(dataclasses.replace(cast[1], targets=targets), print)


def test_a_stream_that_is_broken_off(make_bot, cast):
    bot, told = make_bot(), []

    def stop(piece):
        told.append(piece)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bot.stream(_one(cast), stop, tokens=1)
    assert len(told) == 1
    _assert_same(bot.stream(_one(cast), told.append), bot.answer([_one(cast)])[0][0])


def test_what_is_known_is_read_once_in_a_conversation(make_bot, cast, monkeypatch):
    bot, read = make_bot(), []
    original = bot._writer.read_knowledge
    monkeypatch.setattr(bot._writer, "read_knowledge", lambda features: read.append(1) or original(features))
    example = cast[1]
    answers = [bot.answer([dataclasses.replace(example, targets=(t,))]) for t in example.targets]
    assert len(answers) > 1
    assert len(read) == 1
    bot.answer([cast[2]])
    assert len(read) == 2


def _conversation(cast, turns=6):
    """An example after each of some turns: the history grows."""
    base = cast[1]
    said = tuple(
        HistoryTurn(turn % 2, turn, f"{'Well, ' * (turn % 3)}that is the {turn}th thing I say.", "", "")
        for turn in range(turns)
    )
    return [
        dataclasses.replace(base, history=said[:length], targets=(Target(turn=length, reply=""),))
        for length in range(1, turns + 1)
    ]


def test_only_new_turns_are_read_and_the_answers_are_as_if_all_were(make_bot, cast, monkeypatch):
    bot, widths = make_bot(), []
    original = bot._writer.read_history

    def note(features, past=None):
        widths.append((features["history_ids"] > 0).sum())
        return original(features, past)

    monkeypatch.setattr(bot._writer, "read_history", note)
    talk = _conversation(cast)
    for example in talk:
        [[answer]] = bot.answer([example])
        [[anew]] = make_bot().answer([example])
        _assert_same(answer, anew)
    assert len(widths) == len(talk)
    assert max(widths) < 40, "never more than a turn"
    widths.clear()
    bot.answer(talk[2:3])
    assert widths[0] > 40, "what was taken back has to be read anew"
    bot.answer(talk[2:3])
    assert len(widths) == 1


def test_a_history_without_room_for_more_is_read_anew(packer, tokenizer, shaken, cast):
    text = TextConfig(tokenizer.size, turn_tokens=24, history_tokens=64)
    small = type(packer)(tokenizer, text, True, True)
    model = shaken(0.5, fusion="soft")

    def make():
        return Bot(Bundle("demo", 1, text, ExampleConfig(), GREEDY, model, small))

    bot, talk = make(), _conversation(cast, turns=8)
    # One turn, then many at once of which the first ones find no room, though the old one would.
    for example in (*talk, talk[0], talk[-1]):
        [[answer]] = bot.answer([example])
        [[anew]] = make().answer([example])
        _assert_same(answer, anew)


def test_banned_words_are_not_written_and_forced_ones_are(make_bot, cast, tokenizer, monkeypatch):
    """Banned is how a word is usually cut into tokens; these wild weights find others."""
    plain = " ".join(a.reply for row in make_bot().answer(cast) for a in row).split()
    word = max(set(plain), key=plain.count)
    banned = make_bot(decode=dataclasses.replace(GREEDY, banned_words=(word,)))
    forced = make_bot(decode=dataclasses.replace(GREEDY, forced_words=(word,)))
    written, write = [], banned._writer.write
    monkeypatch.setattr(banned._writer, "write", lambda *a: written.append(write(*a)) or written[-1])
    banned.answer(cast)
    [row] = tokenizer.encode([word])
    for ids in written[0].ids.reshape(-1, written[0].ids.shape[-1]).tolist():
        assert not any(ids[i : i + len(row)] == row for i in range(len(ids)))
    assert all(word in a.reply for row in forced.answer(cast) for a in row)
    with pytest.raises(ValueError, match=r"forced words are .* tokens and a reply is at most 6"):
        make_bot(decode=dataclasses.replace(GREEDY, forced_words=("an unbelievably long row of words",)))


def test_one_trace_serves_all_shapes(make_bundle, cast):
    bot = Bot(make_bundle(), engine="tensorflow")
    bot.answer(cast[:1])
    functions = [getattr(bot._writer, name) for name in ("_read_knowledge", "_read_history", "_begin", "_advance")]
    before = [function.experimental_get_tracing_count() for function in functions]
    for rows in (cast[:2], cast, cast[3:4]):
        bot.answer(rows)
    assert [function.experimental_get_tracing_count() for function in functions] == before


def test_a_decode_config_takes_the_place_of_the_bundles(bot):
    short = Bot(bot.bundle, DecodeConfig(max_reply_tokens=1, max_action_tokens=1))
    assert short.decode.max_reply_tokens == 1
    assert Bot(bot.bundle).decode == GREEDY


def test_a_bot_that_only_speaks(make_bot, cast):
    bot = make_bot(learn_action=False, learn_emote=False)
    for answer in bot.answer(cast[:1])[0]:
        assert (answer.action, answer.emote) == ("", "")
        assert 1 <= answer.tokens <= 7
    shows = make_bot(learn_action=False)
    assert all(answer.action == "" for answer in shows.answer(cast[:1])[0])


def test_loading_from_a_folder(bundle_dir, cast):
    bot = Bot.load(bundle_dir)
    assert bot.decode.max_reply_tokens == 6
    with pytest.raises(FileNotFoundError, match=r"bundle.json: not there"):
        Bot.load(bundle_dir / "nowhere")


AS_HISTORY = ExampleConfig(knowledge_as_history=True)


def test_a_bot_to_which_all_is_told_in_the_history(make_bot, cast, answers):
    bot, told = make_bot(knowledge_as_history=True), [lay_out(example, AS_HISTORY) for example in cast]
    together = bot.answer(told)
    assert [a.reply for row in together for a in row] != [a.reply for row in answers for a in row]
    for example, row in zip(told, together, strict=True):
        for target, answer in zip(example.targets, row, strict=True):
            seen = {turn.key for turn in example.history if turn.turn < target.turn}
            assert {key for key, share in answer.leant_on.items() if share > 1e-6} <= seen
            assert any(not key.startswith("turn/") for key in answer.leant_on)
    for number in (0, 2):
        [alone] = bot.answer([told[number]])
        for one, other in zip(alone, together[number], strict=True):
            _assert_same(one, other)


def test_what_is_told_in_the_history_is_read_once(make_bot, cast, monkeypatch):
    bot, widths = make_bot(knowledge_as_history=True), []
    original = bot._writer.read_history

    def note(features, past=None):
        widths.append((features["history_ids"] > 0).sum())
        return original(features, past)

    monkeypatch.setattr(bot._writer, "read_history", note)
    for example in _conversation(cast):
        told = lay_out(example, AS_HISTORY)
        [[answer]] = bot.answer([told])
        [[anew]] = make_bot(knowledge_as_history=True).answer([told])
        _assert_same(answer, anew)
    assert max(widths[1:]) < 40 < widths[0], "then never more than a turn"


def test_guidance_needs_knowledge_that_can_be_left_out(make_bot):
    with pytest.raises(ValueError, match="this bot was trained with ExampleConfig"):
        make_bot(dataclasses.replace(GREEDY, guidance=1.0), knowledge_as_history=True)
