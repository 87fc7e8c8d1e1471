import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.errors import DataError
from persona_tf.data.gold_knowledge import THRESHOLDS, UsedFact, fact_scores, gold_knowledge, with_gold_knowledge
from persona_tf.data.lemmas import LANGUAGES
from persona_tf.episode import Character, Episode, Fact, Turn

EN = ("I have two dogs.", "My sister is called Wilma.", "I love music.", "Wilma sings in a choir.")
RU = ("У меня есть кошка.", "Я работаю пекарем.", "Люблю петь.", "Моя кошка любит петь.")


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("Do your dogs bark, too?", (1.0, 0.0, 0.0, 0.0)),
        ("I love it!", (0.0, 0.0, 0.1, 0.0)),
        ("Ask Wilma.", (0.0, 0.5, 0.0, 0.5)),
        ("Wilma is my sister, and I love her.", (0.0, 1.5, 0.1, 0.5)),
        ("", (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_english_scores(reply, scores):
    assert fact_scores(reply, EN, "en") == scores


@pytest.mark.parametrize(
    ("reply", "used"),
    [
        ("А кошки у тебя есть?", (UsedFact(0, 0.5), UsedFact(3, 0.5))),
        ("Мой хлеб лучший: я пекарь!", (UsedFact(1, 1.0),)),
        ("Очень люблю работать, а у тебя есть хобби?", ()),
        ("ПОЮ.", (UsedFact(2, 0.5), UsedFact(3, 0.5))),
    ],
)
def test_russian_labels(reply, used):
    assert gold_knowledge(reply, RU, "ru") == used


def test_the_threshold_decides():
    reply = "Wilma is my sister, and I love her."
    assert gold_knowledge(reply, EN, "en") == (UsedFact(1, 1.5),)
    assert [used.index for used in gold_knowledge(reply, EN, "en", 0.5)] == [1, 3]
    assert [used.index for used in gold_knowledge(reply, EN, "en", 0.0)] == [1, 2, 3]
    assert gold_knowledge(reply, EN, "en", 2.0) == gold_knowledge(reply, (), "en") == ()


def test_every_language_has_a_threshold():
    assert set(THRESHOLDS) == set(LANGUAGES)
    with pytest.raises(DataError, match="language must be one of"):
        gold_knowledge("Tag", ("Hund",), "de")


FACTS = st.lists(st.sampled_from((*EN, "", "😁")), max_size=5)


@given(FACTS, st.sampled_from((*EN, "dogs dogs", "No.")), st.randoms())
def test_the_order_of_facts_only_orders_the_labels(facts, reply, random):
    order = list(range(len(facts)))
    random.shuffle(order)
    scores = fact_scores(reply, facts, "en")
    assert fact_scores(reply, [facts[i] for i in order], "en") == tuple(scores[i] for i in order)
    labels = gold_knowledge(reply, facts, "en")
    assert [used.index for used in labels] == sorted(i for i, score in enumerate(scores) if score >= THRESHOLDS["en"])


@given(FACTS)
def test_who_says_a_fact_word_for_word_uses_it(facts):
    for index, fact in enumerate(facts):
        if facts.count(fact) == 1 and fact in ("I have two dogs.", "I love music."):
            assert index in [used.index for used in gold_knowledge(fact, facts, "en")]


def test_episodes():
    turns = (
        Turn(0, "Whose dog is that?"),
        Turn(1, "Ours. My sister Wilma sings to it.", grounding=("turn/0",)),
        Turn(1, "I love dogs!", grounding=("persona/3",)),
        Turn(0, "", action="hug dog"),
    )
    episode = Episode("e", "demo", None, (Character(""), Character("", tuple(map(Fact, EN)))), turns)
    found = with_gold_knowledge(episode, "en")
    assert [turn.grounding for turn in found.turns] == [(), ("turn/0", "persona/1", "persona/3"), ("persona/3",), ()]
    bare = tuple(dataclasses.replace(turn, grounding=()) for turn in turns)
    assert [dataclasses.replace(turn, grounding=()) for turn in found.turns] == list(bare)
    assert with_gold_knowledge(found, "en") == found
