import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data import lemmas
from persona_tf.data.errors import DataError
from persona_tf.data.lemmas import COMMON_WEIGHT, LANGUAGES, Word, telling_words


def told(text, language):
    return {word.lemmas[0]: word.weight for word in telling_words(text, language)}


def test_english():
    assert told("I don't LOVE my mice; they've eaten the bread.", "en") == {
        "love": COMMON_WEIGHT,
        "mouse": 1.0,
        "eat": 1.0,
        "bread": 1.0,
    }


def test_russian():
    assert told("Я не люблю своих котов, а они съели ёлку 2 раза!", "ru") == {
        "любить": COMMON_WEIGHT,
        "кот": 1.0,
        "съесть": 1.0,
        "елка": 1.0,
        "2": 1.0,
        "раз": COMMON_WEIGHT,
    }


def test_readings_of_a_russian_word():
    (sing,) = telling_words("пою", "ru")
    assert {"петь", "поить"} <= set(sing.lemmas)
    # Of семья or of семь; the first reading decides what it counts.
    assert telling_words("семью", "ru") == (Word(("семья", "семь"), 1.0),)
    assert told("семь", "ru") == {"семь": COMMON_WEIGHT}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hi, how are you? It is what it is!", "en"),
        ("Привет! У меня есть. А у тебя есть?", "ru"),
        ("😁 :) ...", "ru"),
        ("", "en"),
    ],
)
def test_what_tells_nothing(text, language):
    assert telling_words(text, language) == ()


@given(st.text(max_size=60), st.sampled_from(list(LANGUAGES)))
def test_case_and_repetition_make_no_difference(text, language):
    words = telling_words(text, language)
    assert words == telling_words(text.lower(), language) == telling_words(f"{text} {text}", language)
    assert all(word.lemmas and word.weight in (COMMON_WEIGHT, 1.0) for word in words)


def test_a_language_that_there_is_not():
    with pytest.raises(DataError, match=r"language must be one of \('en', 'ru'\), got 'de'"):
        telling_words("Guten Tag", "de")


@pytest.mark.parametrize(
    ("package", "language", "load"), [("simplemma", "en", "_simplemma"), ("pymorphy3", "ru", "_morphology")]
)
def test_a_package_that_is_missing_is_named(package, language, load, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    getattr(lemmas, load).cache_clear()
    with pytest.raises(DataError, match=rf"need {package}.*pip install 'persona_tf\[lemmas\]'.*grounding=False"):
        telling_words("небывальщина unheardof", language)
    getattr(lemmas, load).cache_clear()


def test_neither_package_is_imported_before_it_is_needed():
    program = "import sys, persona_tf.data.sources; sys.exit(bool({'simplemma', 'pymorphy3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
