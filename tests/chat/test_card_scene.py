import dataclasses
import json
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.card import Card, read_card, write_card, write_card_png
from persona_tf.chat.card_scene import MAX_FACTS, MAX_SENTENCES, card_scene, scene_card
from persona_tf.chat.session import BOT, Session
from persona_tf.episode import Character, Fact, Setting, Thing, Turn
from persona_tf.example import ExampleConfig, Item

CARD = Card(
    "Mira Stone",
    "{{char}} bakes bread. She fears geese.",
    "kind, shy",
    "The mill leans. {{user}} comes in.",
    "*smiles* Good day, {{user}}!",
    ("*nods* Hm.", "", "Rain again."),
    "<START>\n{{user}}: Hi\n{{char}}: Hello, {{user}}.",
    {
        "scan_depth": 1,
        "entries": [
            {"keys": ["tower"], "content": "The tower is old. Giants built it.", "insertion_order": 2},
            {"keys": ["geese"], "content": "{{char}} was bitten by geese. She cried.", "insertion_order": 1},
            {"keys": ["{{user}}"], "content": "{{user}} is a guard."},
        ],
    },
    {"creator": "x", "extensions": {"other/x": 1}},
)
MIRA = Character(
    "Mira the baker",
    (Fact("I bake bread."), Fact("My cat is called Fig.", "pet_name", "Fig"), Fact("I said:\nno.")),
    (Thing("a basket", "It smells of rye."), Thing("a rope")),
    (Thing("an apron"),),
    (Thing("a ladle"),),
)
BARN = Setting(
    "Old barn", "Farm", ("The roof leaks.", "Hay lies about."), (Thing("a rake", "It is rusty."),), ("a goose",)
)


def test_a_card_is_a_character_in_a_place():
    scene = card_scene(CARD, "Tam")
    facts = ("I bake bread.", "I fear geese.", "I am kind and shy.")
    assert scene.character == Character("Mira Stone", tuple(map(Fact, facts)))
    assert scene.setting == Setting("", description=("The mill leans.", "Tam comes in."))
    assert scene.openings == (
        Turn(BOT, "Good day, Tam!", "", "smile"),
        Turn(BOT, "Hm.", "", "nod"),
        Turn(BOT, "Rain again."),
    )
    assert scene.examples == ((Turn(0, "Hi"), Turn(1, "Hello, Tam.")),)
    assert scene.left_out == 0


def test_names_can_be_others():
    scene = card_scene(CARD, name="Ada")
    assert scene.character.name == "Ada"
    assert scene.openings[0].speech == "Good day, you!"
    nick = dataclasses.replace(CARD, other={"nickname": "Mi"})
    assert card_scene(nick).character.name == "Mi"
    assert [fact.text for fact in card_scene(nick).character.facts][:2] == ["I bake bread.", "I fear geese."]


def test_an_empty_card_is_somebody_nowhere():
    scene = card_scene(Card("Mira"))
    assert (scene.character, scene.setting) == (Character("Mira"), None)
    assert (scene.openings, scene.examples, scene.recall([])) == ((), (), ())


def test_what_the_lorebook_tells_comes_as_knowledge_items():
    scene = card_scene(CARD, "Tam")
    bitten = (
        Item("lore/2", "persona", "I was bitten by geese."),
        Item("lore/3", "setting_description", "She cried."),
    )
    tower = (
        Item("lore/0", "setting_description", "The tower is old."),
        Item("lore/1", "setting_description", "Giants built it."),
    )
    said = [Turn(0, "Where is Tam?"), Turn(0, "The tower?", "look at geese", "smile")]
    assert scene.recall(said[1:]) == scene.recall(said) == (*_own(bitten), *tower)
    assert scene.recall(said[:1]) == (Item("lore/4", "setting_description", "Tam is a guard."),)
    assert scene.recall([]) == ()


def _own(items):
    """After the name, "she" is meant."""
    first, second = items
    return first, dataclasses.replace(second, kind="persona", text="I cried.")


def test_too_much_is_cut_and_counted():
    many = Card("Mira", " ".join(f"I like {i}." for i in range(200)), scenario="It is {{user}}. " * 100)
    scene = card_scene(many)
    assert (len(scene.character.facts), len(scene.setting.description)) == (MAX_FACTS, MAX_SENTENCES)
    assert scene.left_out == 300 - MAX_FACTS - MAX_SENTENCES
    Session(FakeBot(), scene.setting, scene.character, Character("Tam"))


class FakeBot:
    bundle = types.SimpleNamespace(example=ExampleConfig())


# ------------------------------------------------------------------------------------------------- the way back


@pytest.mark.parametrize("setting", [None, BARN, Setting(""), Setting("Mill")])
@pytest.mark.parametrize("written", [write_card, write_card_png, lambda card: write_card(card, version=1)])
def test_a_character_in_a_place_comes_back_whole(setting, written):
    scene = card_scene(read_card(written(scene_card(MIRA, setting))), "Tam")
    assert (scene.character, scene.setting) == (MIRA, setting)


def test_other_programs_find_it_in_the_texts():
    data = json.loads(write_card(scene_card(MIRA, BARN)))["data"]
    assert data["name"] == "Mira the baker"
    assert data["description"].splitlines() == [
        "I bake bread.",
        "My cat is called Fig.",
        "I said:",
        "no.",
        "I carry a basket: It smells of rye.",
        "I carry a rope.",
        "I wear an apron.",
        "I hold a ladle.",
    ]
    assert data["scenario"].splitlines() == [
        "We are here: Old barn, Farm.",
        "The roof leaks.",
        "Hay lies about.",
        "Here is a rake: It is rusty.",
        "Also here: a goose.",
    ]


def test_what_another_program_changed_counts():
    card = scene_card(MIRA, BARN)
    for change in ({"description": "I sing."}, {"personality": "kind"}, {"scenario": ""}, {"name": "Ada"}):
        scene = card_scene(dataclasses.replace(card, **change))
        assert (scene.character, scene.setting) != (MIRA, BARN)
    changed = card_scene(dataclasses.replace(card, description="I sing."))
    assert changed.character == Character("Mira the baker", (Fact("I sing."),))
    assert changed.setting == BARN


@pytest.mark.parametrize(
    "kept",
    [
        5,
        [],
        {},
        {"characters": []},
        {"characters": [{"name": "Mira"}], "setting": None},
        {"id": "", "source": "", "turns": [], "characters": [{"name": "Mira", "facts": [{"text": 5}]}, {"name": ""}]},
        {"id": "", "source": "", "turns": [], "characters": [{"name": "Mira", "x": ""}, {"name": ""}]},
        {"id": "", "source": "", "turns": 5, "characters": [{"name": "Mira"}, {"name": ""}]},
        {"id": "", "source": "", "turns": [], "characters": "Mira"},
    ],
)
def test_what_somebody_else_wrote_in_our_place_is_not_taken(kept):
    card = Card("Mira", "I sing.", other={"extensions": {"persona_tf": kept}})
    assert card_scene(card).character == Character("Mira", (Fact("I sing."),))


def test_a_card_that_nobody_changed_stays_as_it_was():
    scene = card_scene(CARD, "Tam")
    assert scene_card(scene.character, scene.setting, CARD, "Tam") is CARD


def test_a_changed_character_keeps_what_else_the_card_has():
    scene = card_scene(CARD, "Tam")
    other = dataclasses.replace(scene.character, facts=(Fact("I sing."),))
    card = scene_card(other, scene.setting, CARD, "Tam")
    assert (card.book, card.first_message, card.alternate_greetings) == (
        CARD.book,
        CARD.first_message,
        CARD.alternate_greetings,
    )
    assert (card.other["creator"], card.other["extensions"]["other/x"]) == ("x", 1)
    assert "extensions" not in CARD.other or "persona_tf" not in CARD.other["extensions"]
    again = card_scene(read_card(write_card(card)), "Tam")
    assert (again.character, again.setting) == (other, scene.setting)


def test_another_place_leaves_the_character_as_it_was_written():
    scene = card_scene(CARD, "Tam")
    card = scene_card(scene.character, BARN, CARD, "Tam")
    assert (card.description, card.personality) == (CARD.description, CARD.personality)
    again = card_scene(read_card(write_card(card)), "Tam")
    assert (again.character, again.setting) == (scene.character, BARN)
    assert scene_card(again.character, again.setting, card, "Tam") is card


def test_a_new_name_is_a_change():
    nick = dataclasses.replace(CARD, other={"nickname": "Mi"})
    scene = card_scene(nick, name="Ada")
    card = scene_card(scene.character, scene.setting, nick)
    assert (card.name, card.called) == ("Ada", "Ada")
    assert card_scene(card).character == scene.character


def test_a_card_needs_a_name():
    with pytest.raises(ValueError, match="a card needs a name"):
        scene_card(Character(" "), None)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
things = st.lists(st.builds(Thing, texts, texts), max_size=2).map(tuple)
characters = st.builds(
    Character,
    texts.filter(str.strip),
    st.lists(st.builds(Fact, texts, texts, texts), max_size=3).map(tuple),
    things,
    things,
    things,
)
several = st.lists(texts, max_size=3).map(tuple)
settings = st.none() | st.builds(Setting, texts, texts, several, things, several)


@given(characters, settings, texts)
def test_any_character_and_place_come_back_whole(character, setting, user):
    scene = card_scene(read_card(write_card(scene_card(character, setting))), user)
    assert (scene.character, scene.setting) == (character, setting)


@given(st.builds(Card, *[st.text(max_size=30)] * 5, several, st.text(max_size=30)), texts)
def test_any_card_is_somebody(card, user):
    scene = card_scene(card, user)
    assert all(fact.text.strip() for fact in scene.character.facts)
    assert all(turn.speaker == BOT for turn in scene.openings)
