import dataclasses
import html.parser
import json
import types

import numpy as np
import pytest

from persona_tf.chat.bot import Bot
from persona_tf.chat.self_chat import Chat, Source
from persona_tf.data.world.generator import episodes
from persona_tf.episode import Character, Episode, Fact, Setting, Turn
from persona_tf.evaluation.self_chat.contradictions import Contradiction, Judgement
from persona_tf.evaluation.self_chat.figures import by_fifths, says
from persona_tf.evaluation.self_chat.page import page
from persona_tf.evaluation.self_chat.record import Speaker, judgements, scenes, self_chats, write_self_chats

MIRA = Character("Mira", (Fact("I bake bread."), Fact("My cat is Fig.", "pet_name", "Fig")))
TAM = Character("Tam", (Fact("Home is Ashmoor.", "home", "Ashmoor"), Fact("I fear geese.")))
NOTHING = Judgement((), ())


def chat(*speeches, number=0, people=(MIRA, TAM)):
    turns = tuple(Turn(i % 2, speech) for i, speech in enumerate(speeches))
    return Chat(Episode(f"self_chat/0/{number}", "demo", None, people, turns), ((),) * len(turns))


def rows(*chats, judged=None, **options):
    return {row.name: row for row in by_fifths(chats, judged, **options)}


def test_facts_used_grow():
    used = rows(chat("Hm.", "Hm.", "Bread!", "Geese!", "Fig!", "Fig!", "Bread!", "no", "no", "in Ashmoor"))[
        "facts_used"
    ]
    # Of four facts; Fig is not Tam's. "Bread" is half of "bake bread", "geese" of "fear geese".
    assert used.fifths == (0.0, 0.5, 0.75, 0.75, 1.0)
    assert used.value == 1.0


@pytest.mark.parametrize(
    ("reply", "fact", "expected"),
    [
        ("Fig sleeps.", MIRA.facts[1], True),
        ("Figs are ripe.", MIRA.facts[1], False),
        ("I have one.", Fact("I have been there."), False),
        ("You are a guard, too?", Fact("I am a guard."), True),
        ("The old red mill.", Fact("I own a red mill, two boats and a cow."), False),
        ("A red mill and a cow.", Fact("I own a red mill and a cow."), True),
        ("Anything.", Fact("I am me."), False),
    ],
)
def test_saying_a_fact(reply, fact, expected):
    assert says(reply, fact) == expected


def test_repetition_is_a_bots_own_in_one_chat():
    one, other = chat("Hi!", "hi", "Hi", "", "hi"), chat("hi", "Hi!", number=1)
    found = rows(one, other)["reply_repeated"]
    # Of six replies the third and the fifth: case and signs do not count, nor does silence.
    assert found.value == pytest.approx(2 / 6)
    assert found.fifths[2] == 0.5  # the other chat's second turn is there, too
    assert found.fifths[3] is None


def test_distinct_is_a_mean_over_chats():
    found = rows(chat("one two one two", ""), chat("one two three", "x", number=1))["reply_distinct_2"]
    assert found.value == pytest.approx((2 / 3 + 1) / 2)


def test_contradictions_are_shares_of_replies():
    wrong = Judgement(("a",), (Contradiction("home", "Moor", "I live in {value}.", "Ashmoor"),))
    found = rows(chat("a b", "c", "", "d"), judged=[[NOTHING, wrong, NOTHING, NOTHING]])
    assert found["own_contradicted"].value == found["own_asserted"].value == pytest.approx(1 / 3)
    assert "own_contradicted" not in rows(chat("a b", "c"))


def test_what_a_classifier_gives_to_the_own_character_is_a_share_of_what_it_was_asked():
    found = rows(chat("a b", "c", "", "d"), said_by=[["self", "partner", "", ""]])["own_said"]
    assert (found.value, found.fifths) == (0.5, (1.0, 0.0, None, None, None))
    assert "own_said" not in rows(chat("a b", "c"))


class Words:
    """A fact is worth as much as there are words of it in the reply."""

    def score(self, contexts, facts):
        said = [context[-1].speech.split() for context in contexts]
        return [np.float32([sum(w in f for w in words) for f in some]) for words, some in zip(said, facts, strict=True)]


def test_who_would_say_it_stands_in_the_files(tmp_path):
    others = Character("Bo", (Fact("I swim."),)), Character("Una", (Fact("I sing."),))
    led = [chat("geese", "geese", "", "Una"), chat("Una", "sing", "Bo", number=1, people=others)]
    led = [dataclasses.replace(c, episode=dataclasses.replace(c.episode, learners=(0, 1))) for c in led]
    text = write_self_chats(tmp_path, 0, (Speaker("a", 1),) * 2, led, Words())
    lines = [json.loads(line) for line in (tmp_path / "0.jsonl").read_text("utf-8").splitlines()]
    # The stranger is the first of the other chat.
    assert [line["said_by"] for line in lines] == [["partner", "self", "", "stranger"], ["partner", "self", "self"]]
    assert "own_said" in text
    assert json.loads((tmp_path / "0.json").read_text())["metrics"]["own_said"]["value"] == 0.5


def test_fifths_are_all_turns_once():
    for count in range(1, 13):
        judged = [[Judgement(("a",), ()) for _ in range(count)]]
        row = rows(chat(*["x y"] * count), judged=judged)["own_asserted"]
        assert set(row.fifths) <= {1.0, None}
        assert sum(value is not None for value in row.fifths) == min(count, 5)


def test_intervals_are_over_chats():
    assert rows(chat("a b", "a b"))["reply_repeated"].low is None
    row = rows(chat("a", "b", "a"), chat("a", "b", "c", number=1), samples=200)["reply_repeated"]
    assert row.low <= row.value <= row.high
    assert row.low < row.high
    assert row.cells()[-1] == "0.0 – 33.3 %"


def test_meetings_are_seeded_and_both_have_a_whole_persona():
    known = list(episodes("test", 12))
    one, same, other = (scenes(known, 6, seed) for seed in (1, 1, 2))
    assert one == same != other
    learners = {e.characters[e.learners[0]] for e in known}
    for scene in one:
        assert set(scene.characters) <= learners
        assert len({c.name for c in scene.characters}) == 2
        assert scene.turns == ()
    assert {scene.setting for scene in one} <= {e.setting for e in known}
    with pytest.raises(ValueError, match=r"1 to 12, .* got 13"):
        scenes(known, 13, 0)


def test_where_both_learn_the_two_of_the_dialogue_meet():
    episode = Episode("e", "demo", None, (MIRA, TAM), (Turn(0, "hi"),))
    assert scenes([episode], 1, 0)[0].characters == (MIRA, TAM)


def test_files_of_a_real_bot_are_the_same_again(bundle_dir, tmp_path):
    bot = Bot.load(bundle_dir)
    meetings = scenes(episodes("test", 4), 2, seed=3)
    for folder in ("one", "other"):
        chats = self_chats((bot, bot), meetings, 6, 3)
        text = write_self_chats(tmp_path / folder, 3, (Speaker.of(bot),) * 2, chats)
    names = ["3.html", "3.json", "3.jsonl", "3.md"]
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == names
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "other" / n).read_bytes() for n in names)
    assert "tiny (step 0) with itself: 2 self-chats of 6 turns, seed 3" in text
    lines = [json.loads(line) for line in (tmp_path / "one" / "3.jsonl").read_text("utf-8").splitlines()]
    for line, led in zip(lines, chats, strict=True):
        assert Episode.from_json(line) == led.episode
        assert len(line["leant_on"]) == len(line["contradictions"]) == len(line["turns"]) == 6
        assert line["bots"] == [{"experiment": "tiny", "step": 0}] * 2
        assert line["characters"][0]["facts"]
    assert [chat.episode.turns[0].speaker for chat in chats] == [0, 1]
    assert set(json.loads((tmp_path / "one" / "3.json").read_text())["metrics"]) >= {"facts_used", "own_contradicted"}
    with pytest.raises(ValueError, match="--turns"):
        self_chats((bot, bot), meetings, 0, 3)


def test_what_a_turn_answers_is_what_was_said_before_it():
    told = chat("What is your sister's name?", "My name is Wrenna.")
    assert [bool(one.contradictions) for one in judgements(told)] == [False, False]
    told = chat("Hm.", "My name is Wrenna.")
    assert [bool(one.contradictions) for one in judgements(told)] == [False, True]


class Reader(html.parser.HTMLParser):
    """Collects tags, attributes and text, and that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_no_other_file_and_shows_text_as_it_is():
    evil = '<script>alert("x")</script> & "quotes" \' \x00\x08'
    person = Character(evil, (Fact(evil),))
    turns = (Turn(0, evil, evil, "smile"), Turn(1), Turn(0, "x"))
    sources = ((Source("persona/0", evil, 0.9),), (), (Source("turn/0", evil, 0.6), Source("persona/0", "y", 0.001)))
    scene = Episode("e", "demo", Setting(evil, evil, (evil,), (), (evil,)), (person, TAM), turns)
    wrong = Judgement((), (Contradiction("home", evil, evil, evil),))
    text = page(evil, by_fifths([Chat(scene, sources)], None), [Chat(scene, sources)], [[wrong, NOTHING, NOTHING]])
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not [v for n, v in reader.attributes if n in ("src", "href") and not v.startswith("#")]
    assert "url(" not in text
    assert "\x00" not in text
    assert reader.text.count('<script>alert("x")</script>') > 8
    assert "prefers-color-scheme: dark" in text
    titles = [v for n, v in reader.attributes if n == "title"]
    assert titles[1].startswith("60% turn 1: <script>")
    assert "\n" not in titles[1]


def test_a_speaker_is_a_bundle():
    bot = types.SimpleNamespace(bundle=types.SimpleNamespace(experiment="quickstart", step=7))
    assert Speaker.of(bot) == Speaker("quickstart", 7)
