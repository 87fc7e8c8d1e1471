import pytest

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask, Told
from persona_tf.chat.watched_bot import WatchedBot, watching

RUDE = Answer("You are a toad indeed.", "spit", "growl", {"persona/0": 1.0}, 7)
KIND = Answer("Good day!", "", "smile", {}, 3)


class Says:
    """Answers all with one answer, a word at a time."""

    engine = "fake"

    def __init__(self, answer):
        self.said, self.asks = answer, []

    def answer(self, examples, seed=None):
        return [[self.said] for _ in examples]

    def n_best(self, examples, seed=None):
        return [[[self.said, KIND]] for _ in examples]

    def stream(self, example, on_text, seed=None, tokens=2):
        for word in self.said.reply.split():
            on_text(word)
        return self.said

    def answering(self, asks, tokens=2):
        self.asks = asks
        words = self.said.reply.split()
        for count in range(1, len(words) + 1):
            text = " ".join(words[:count])
            yield [Told(text if ask.told else "", count == len(words), lambda: self.said) for ask in asks]


def toads(text):
    return ["toad"] * text.count("toad")


def test_a_kind_answer_stays_as_it_is():
    for blocks in (False, True):
        bot = WatchedBot(Says(KIND), blocks, toads)
        assert bot.answer([None]) == [[KIND]]
        heard = []
        assert bot.stream(None, heard.append) == KIND
        assert "".join(heard).replace(" ", "") == "Goodday!"


def test_a_rude_one_is_marked_and_told():
    bot = WatchedBot(Says(RUDE), False, toads)
    [[marked]] = bot.answer([None])
    assert (marked.reply, marked.action, marked.offence) == (RUDE.reply, "spit", "marked")
    *_, [last] = bot.answering([Ask(None, 1)])
    assert (last.text, last.done, last.answer().offence) == (RUDE.reply, True, "marked")
    assert [one.offence for one in bot.n_best([None])[0][0]] == ["marked", ""]
    assert bot.engine == "fake"


def test_a_rude_one_is_kept_back_and_no_word_of_it_told():
    bot = WatchedBot(Says(RUDE), True, toads)
    [[blocked]] = bot.answer([None])
    assert (blocked.reply, blocked.action, blocked.emote, blocked.offence) == ("…", "", "", "blocked")
    heard = []
    assert bot.stream(None, heard.append) == blocked
    assert heard == ["…"]
    told = [one for [one] in bot.answering([Ask(None, 1)])]
    assert {one.text for one in told} == {""}
    assert {one.answer().reply for one in told} == {"…"}


def test_what_is_done_counts_as_what_is_said():
    acts = Answer("Come!", "kick the toad", "", {}, 4)
    assert WatchedBot(Says(acts), False, toads).answer([None])[0][0].offence == "marked"


def test_the_ways_have_names():
    bot = Says(KIND)
    assert watching("off")(bot) is bot
    assert watching("mark")(Says(Answer("Shit!", "", "", {}, 1))).answer([None])[0][0].offence == "marked"
    with pytest.raises(ValueError, match="offensive replies: expected off, mark or block, got 'loud'"):
        watching("loud")
