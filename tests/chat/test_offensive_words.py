import builtins

import pytest

from persona_tf.chat.offensive_words import OffensiveWords


@pytest.fixture(scope="module")
def words():
    return OffensiveWords()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What the fuck, you bastard!", ("fuck", "bastard")),
        ("F.u.c.k. this sh1t", ("fuck", "sh1t")),
        ("Ты сука, иди нахуй", ("сука", "нахуй")),
        ("Заебись! Долбоёб и выблядок.", ("заебись", "долбоеб", "выблядок")),
        ("бля, Жиды", ("бля", "жиды")),
    ],
)
def test_what_offends_is_found(words, text, found):
    assert sorted(words.found(text)) == sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I keep an ass, a cock and a hoe behind the barn; the baby sucks its thumb.",
        "The assassin passed Scunthorpe with a class of cockerels. How to kill a dragon?",
        "You ugly toad, I will boil you!",
        "Хлеб колебался: употреблять, оскорблять, страховать, требовать.",
        "Тебе и себе, ребёнок, рубля не жалко; плохую, сухую, тихую бляху команда съела с мандарином.",
        "Сова сидит на суку. Мудрый скипидар, жидкий стебель, учёба, небо, мебель, сабля, худой мандат.",
        "Веб, Нигерия, подебелее.",
    ],
)
def test_what_only_sounds_so_is_not(words, text):
    assert words.found(text) == ()


def test_the_built_in_world_offends_nobody(words):
    from persona_tf.data.world.config import WorldConfig
    from persona_tf.data.world.generator import character_and_place

    drawn = [character_and_place(seed, WorldConfig()) for seed in range(30)]
    texts = [fact.text for one in drawn for who in one.characters for fact in who.facts]
    assert len(texts) > 100
    assert [text for text in texts if words.found(text)] == []


def test_without_the_library_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "glin_profanity":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'persona_tf\[filter\]'"):
        OffensiveWords()
