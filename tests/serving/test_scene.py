import pytest

from persona_tf.chat.card import Card
from persona_tf.episode import Character, Episode, Fact, Setting, Thing
from persona_tf.serving.scene import scene

MIRA = Character("Mira", (Fact("I bake."),), wielding=(Thing("a spoon"),))
TAM = Character("Tam", (Fact("I sail."),))


@pytest.fixture(params=[0, 1])
def drawn(request):
    """The bot may stand first or second."""
    characters = (MIRA, TAM) if request.param == 0 else (TAM, MIRA)
    return Episode("d", "demo", Setting("Mill"), characters, (), (request.param,))


def bot(episode):
    return episode.characters[episode.learners[0]]


def human(episode):
    return episode.characters[1 - episode.learners[0]]


def test_what_is_not_given_stays_as_drawn(drawn):
    assert scene(drawn) == drawn


def test_what_is_given_takes_its_place(drawn):
    made = scene(drawn, "Ada", "Bo", "Tower: It is high. Who built it?", "I read. | I write.\n|")
    assert bot(made) == Character("Ada", (Fact("I read."), Fact("I write.")))
    assert human(made) == Character("Bo", TAM.facts)
    assert made.setting == Setting("Tower", description=("It is high.", "Who built it?"))
    assert made.learners == drawn.learners


def test_a_name_alone_keeps_the_rest(drawn):
    made = scene(drawn, name="Ada", place="Tower")
    assert bot(made) == Character("Ada", MIRA.facts, wielding=MIRA.wielding)
    assert made.setting == Setting("Tower")


def test_nothing_is_a_choice(drawn):
    made = scene(drawn, place="none", persona="none")
    assert made.setting is None
    assert bot(made) == Character("Mira")


def test_a_persona_may_stand_in_a_file(drawn, tmp_path):
    path = tmp_path / "facts of Ada.txt"
    path.write_bytes("\ufeffI read.\r\n\n  Ich höre zu.  \n".encode())
    assert bot(scene(drawn, persona=str(path))).facts == (Fact("I read."), Fact("Ich höre zu."))


CARD = Card("Ada", "{{char}} reads.", scenario="The tower is high. {{user}} comes in.")


def test_a_card_takes_the_place_of_what_was_drawn(drawn):
    made = scene(drawn, card=CARD)
    assert bot(made) == Character("Ada", (Fact("I read."),))
    assert human(made) == TAM
    assert made.setting == Setting("", description=("The tower is high.", "Tam comes in."))
    assert scene(drawn, card=Card("Ada")).setting is None


def test_what_else_is_given_is_laid_over_a_card(drawn):
    made = scene(drawn, "Eve", "Bo", card=CARD)
    assert bot(made) == Character("Eve", (Fact("I read."),))
    assert made.setting.description[1] == "Bo comes in."
    made = scene(drawn, place="Mill", persona="I bake.", card=CARD)
    assert bot(made) == Character("Ada", (Fact("I bake."),))
    assert made.setting == Setting("Mill")


@pytest.mark.parametrize("name", ["ada.txt", "no/such/file", "/", "./ada"])
def test_a_file_that_is_not_there_is_no_fact(drawn, name):
    with pytest.raises(FileNotFoundError, match=name):
        scene(drawn, persona=name)


@pytest.mark.parametrize("fact", ["Baker.", "I bake/brew.", "x" * 5000, "a\0b", "I like 3.5 loaves"])
def test_a_fact_is_no_file(drawn, fact):
    assert bot(scene(drawn, persona=fact)).facts == (Fact(fact),)


def test_a_file_of_other_bytes_is_named(drawn, tmp_path):
    path = tmp_path / "ada.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"ada\.txt: expected text in UTF-8"):
        scene(drawn, persona=str(path))


def test_a_place_needs_a_name(drawn):
    with pytest.raises(ValueError, match="expected NAME or NAME: description, got ': dark'"):
        scene(drawn, place=": dark")
