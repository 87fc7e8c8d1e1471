"""Many asked at once: each is answered as if it were alone, whoever else asks, and told while it is written."""

import dataclasses

import pytest

from persona_tf.chat.asking import Ask
from persona_tf.chat.bot import Bot
from persona_tf.chat.memories import ROOM
from persona_tf.chat.session import Session
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Character, Fact, Setting
from persona_tf.export.bundle import load_bundle

DECODE = DecodeConfig("sample", max_reply_tokens=9, max_action_tokens=3)
WAYS = [
    None,
    dataclasses.replace(DECODE, top_k=5, max_reply_tokens=4),
    DecodeConfig("greedy", max_reply_tokens=6, max_action_tokens=2),
    dataclasses.replace(DECODE, temperature=0.5, no_repeat_ngram=2, min_reply_tokens=3),
]


@pytest.fixture(scope="module")
def bundle(bundle_dir, shaken):
    """Of a model that says something else in every situation."""
    return dataclasses.replace(load_bundle(bundle_dir), model=shaken(0.5))


@pytest.fixture(scope="module")
def bots(bundle):
    return {engine: Bot(bundle, DECODE, engine) for engine in ("onnx", "tensorflow")}


def asks_of(bot, count, ways=WAYS):
    """Asks from talks of several lengths."""
    made = []
    for number in range(count):
        me = Character("Mira", tuple(Fact(f"I like {i}.") for i in range(number % 4)))
        session = Session(bot, Setting("Mill") if number % 2 else None, me, Character("Tam"), seed=number)
        for turn in range(number % 3):
            session.say(f"Word {turn}")
        question = session.to_say(f"So {number}?")
        made.append(Ask(question.example, question.seeds[0], ways[number % len(ways)]))
    return made


def finished(stream):
    """The last of what is told of each, and all that was told before."""
    steps = list(stream)
    done = []
    for row in range(len(steps[0])):
        first = next(i for i, step in enumerate(steps) if step[row].done)
        done.append((steps[first][row], [step[row].text for step in steps[:first]]))
    return done


def words(answer):
    return answer.reply, answer.action, answer.emote, answer.tokens


def test_each_of_a_mixed_batch_is_answered_as_if_alone(bots, bundle):
    bot = bots["onnx"]
    asks = asks_of(bot, 11)
    said = []
    for ask, (told, pieces) in zip(asks, finished(bot.answering(asks, tokens=1)), strict=True):
        alone = Bot(bundle, ask.decode or DECODE, "onnx").answer([ask.example], ask.seed)[0][0]
        answer = told.answer()
        assert words(answer) == words(alone)
        assert answer.log_prob == pytest.approx(alone.log_prob, abs=1e-4)
        assert answer.leant_on == pytest.approx(alone.leant_on, abs=1e-4)
        assert all(later.startswith(sooner) for sooner, later in zip(pieces, [*pieces[1:], answer.reply], strict=True))
        said.append(answer.reply)
    assert len(set(said)) > 6


def test_short_answers_are_done_before_long_ones(bots):
    asks = asks_of(bots["onnx"], 2, [dataclasses.replace(DECODE, max_reply_tokens=1, max_action_tokens=1), WAYS[3]])
    steps = list(bots["onnx"].answering(asks, tokens=1))
    assert steps[4][0].done
    assert not steps[3][1].done
    early = steps[3][1].answer()
    assert (early.reply, early.action, early.cut) == (steps[3][1].text, "", True)


def test_several_batches_may_be_written_in_turns(bots):
    bot = bots["onnx"]
    one, other = asks_of(bot, 3), asks_of(bot, 6)[3:]
    expected = [words(told.answer()) for told, _ in finished(bot.answering([*one, *other]))]
    done = {}
    streams = {0: bot.answering(one, tokens=1), len(one): bot.answering(other, tokens=1)}
    while streams:
        for first, stream in list(streams.items()):
            step = next(stream, None)
            if step is None:
                del streams[first]
            else:
                done |= {first + row: words(now.answer()) for row, now in enumerate(step) if now.done}
    assert [done[row] for row in range(len(expected))] == expected


def test_what_was_read_is_kept_for_more_talks_than_one(bots):
    bot = bots["onnx"]
    sessions = [
        Session(bot, None, Character("Mira", (Fact(f"I like {i}."),)), Character("Tam"), seed=i)
        for i in range(ROOM + 3)
    ]
    plain = [session.to_say("Hi") for session in sessions]
    for turn in ("Hi", "And now?", "And then?"):
        questions = [session.to_say(turn) for session in sessions]
        asks = [Ask(question.example, question.seeds[0]) for question in questions]
        answers = [told.answer() for told, _ in finished(bot.answering(asks))]
        for session, question, answer in zip(sessions, questions, answers, strict=True):
            session.take(question, [answer])
    assert plain[0].example.items
    fresh = Bot(bot.bundle, DECODE, "onnx")
    for session in sessions[:: ROOM // 2]:
        own = Session(fresh, None, session.episode.characters[1], session.episode.characters[0], seed=session.seed)
        for turn in ("Hi", "And now?", "And then?"):
            own.say(turn)
        assert own.episode.turns == session.episode.turns


def test_tensorflow_answers_many_in_one_way_at_a_time(bots):
    bot = bots["tensorflow"]
    asks = asks_of(bots["onnx"], 4, [None])
    expected = [words(told.answer()) for told, _ in finished(bots["onnx"].answering(asks))]
    assert [words(told.answer()) for told, _ in finished(bot.answering(asks))] == expected
    assert (bots["onnx"].mixes, bot.mixes) == (True, False)
    with pytest.raises(ValueError, match="in one way for all"):
        bot.answering(asks_of(bots["onnx"], 2))


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (dataclasses.replace(DECODE, hypotheses=2), "hypotheses is 1 here"),
        (dataclasses.replace(DECODE, method="beam"), "does not do method beam"),
        (dataclasses.replace(DECODE, banned_words=("bread and butter",)), "bans single ids"),
    ],
)
def test_a_way_that_the_engine_cannot_is_refused_before_the_work(bots, decode, message):
    with pytest.raises(ValueError, match=message):
        bots["onnx"].check(decode)
    bots["onnx"].check(WAYS[3])


def test_one_target_is_answered(bots, cast):
    several = next(example for example in cast if len(example.targets) > 1)
    with pytest.raises(ValueError, match="this one has"):
        bots["onnx"].answering([Ask(several, 0)])
