import types

import pytest

from persona_tf.chat.bot import Answer, Bot
from persona_tf.chat.self_chat import SelfChat, converse
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Character, Episode, Fact, Setting
from persona_tf.example import PARTNER, SELF, ExampleConfig

MIRA = Character("Mira", (Fact("I bake bread."),))
TAM = Character("Tam", (Fact("I am a guard."),))
SCENE = Episode("self_chat/0/0", "demo", Setting("Mill", "village", ("It leans.",)), (MIRA, TAM), ())


class FakeBot:
    """Says what its script says, leaning on all it was shown; remembers what that was."""

    def __init__(self, *script):
        self.bundle = types.SimpleNamespace(example=ExampleConfig())
        self.script, self.shown, self.seeds = list(script), [], []

    def answer(self, examples, seed=None):
        [example] = examples
        self.shown.append(example)
        self.seeds.append(seed)
        keys = [item.key for item in example.items] + [f"turn/{turn.turn}" for turn in example.history]
        reply, action, emote = self.script.pop(0)
        return [[Answer(reply, action, emote, dict.fromkeys(keys, 1 / len(keys)), 1)]]


def heard(bot, call=-1):
    return [(turn.who, turn.speech, turn.action, turn.emote) for turn in bot.shown[call].history]


def test_what_one_says_does_and_shows_the_other_hears():
    mira = FakeBot(("Good day!", "hug Tam", "smile"), ("Bread?", "", ""))
    tam = FakeBot(("Halt.", "", "frown"))
    chat = converse((mira, tam), SCENE, turns=3)
    assert [(t.speaker, t.speech, t.action, t.emote) for t in chat.episode.turns] == [
        (0, "Good day!", "hug Tam", "smile"),
        (1, "Halt.", "", "frown"),
        (0, "Bread?", "", ""),
    ]
    assert heard(tam) == [(PARTNER, "Good day!", "hug Tam", "smile")]
    assert heard(mira) == [(SELF, "Good day!", "hug Tam", "smile"), (PARTNER, "Halt.", "", "frown")]


def test_each_has_its_own_character_and_both_the_place():
    mira, tam = FakeBot(("a", "", "")), FakeBot(("b", "", ""))
    chat = converse((mira, tam), SCENE, turns=2)
    facts = [{i.text for i in bot.shown[0].items if i.kind == "persona"} for bot in (mira, tam)]
    assert facts == [{"I bake bread."}, {"I am a guard."}]
    assert all("It leans." in {i.text for i in bot.shown[0].items} for bot in (mira, tam))
    assert (chat.episode.characters, chat.episode.setting, chat.episode.id) == ((MIRA, TAM), SCENE.setting, SCENE.id)


def test_the_other_may_open():
    chat = converse((FakeBot(("b", "", "")), FakeBot(("a", "", ""))), SCENE, turns=2, opens=1)
    assert [(turn.speaker, turn.speech) for turn in chat.episode.turns] == [(1, "a"), (0, "b")]
    with pytest.raises(ValueError, match="character 0 or 1, got 2"):
        SelfChat((FakeBot(), FakeBot()), SCENE, opens=2)


def test_turns_that_a_speaker_leant_on_are_those_of_the_chat_also_after_silence():
    mira = FakeBot(("one", "", ""), ("three", "", ""), ("five", "", ""))
    tam = FakeBot(("", "", ""), ("", "", "nod"))
    chat = converse((mira, tam), SCENE, turns=5)
    assert chat.episode.turns[1].speech == ""
    texts = [{s.key: s.text for s in sources if s.key.startswith("turn")} for sources in chat.leant_on]
    assert texts == [
        {},
        {"turn/0": "one"},
        {"turn/0": "one"},
        {"turn/0": "one", "turn/2": "three"},
        {"turn/0": "one", "turn/2": "three", "turn/3": "nod"},
    ]
    assert {s.text for s in chat.leant_on[0]} >= {"I bake bread.", "Mira", "Tam", "It leans."}


def test_noise_is_another_for_each_bot_turn_and_seed():
    def seeds(seed):
        bots = FakeBot(("a", "", ""), ("c", "", "")), FakeBot(("b", "", ""), ("d", "", ""))
        converse(bots, SCENE, turns=4, seed=seed)
        return bots[0].seeds + bots[1].seeds

    assert len({*seeds(0), *seeds(1)}) == 8
    assert seeds(0) == seeds(0)


def test_a_real_bot_with_itself(bundle_dir):
    bot = Bot.load(bundle_dir, DecodeConfig(method="sample", max_reply_tokens=6, max_action_tokens=3))
    one, same, other = (converse((bot, bot), SCENE, turns=8, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.episode.turns != other.episode.turns
    assert [turn.speaker for turn in one.episode.turns] == [0, 1] * 4
    for number, sources in enumerate(one.leant_on):
        turns = [int(s.key.removeprefix("turn/")) for s in sources if s.key.startswith("turn/")]
        assert all(turn < number for turn in turns)
        assert 0 < sum(s.share for s in sources) <= 1 + 1e-5
