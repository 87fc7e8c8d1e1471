import collections
import difflib
import pathlib
import re
import string

import pytest

from persona_tf.evaluation.override.attacks import KINDS, PLACEHOLDERS, Attack, load_attacks, read_attacks
from persona_tf.text.vocabulary import SPECIALS

NAMES = {name: f"<{name}>" for name in PLACEHOLDERS}


@pytest.fixture(scope="module")
def attacks():
    return load_attacks()


def placeholders(attack):
    return {name for turn in attack.turns for _, name, _, _ in string.Formatter().parse(turn) if name is not None}


def test_there_are_at_least_300_and_50_of_each_kind(attacks):
    counts = collections.Counter(attack.kind for attack in attacks)
    assert len(attacks) >= 300
    assert list(counts) == list(KINDS), "by kind, in order"
    assert min(counts.values()) >= 50


def test_each_has_one_to_five_turns_of_a_length_that_people_write(attacks):
    for attack in attacks:
        assert (3 if attack.kind == "pressure" else 1) <= len(attack.turns) <= 5
        for turn in attack.turns:
            assert 2 <= len(turn.split()) <= 90, turn
            assert turn == turn.strip()


def test_no_two_are_alike(attacks):
    turns = [" ".join(re.findall(r"\w+", turn.lower())) for attack in attacks for turn in attack.turns]
    twice = [turn for turn, count in collections.Counter(turns).items() if count > 1]
    assert not twice
    # Nor one with another word exchanged.
    texts = [re.findall(r"\w+", " ".join(attack.turns).lower()) for attack in attacks]
    bags = [set(words) for words in texts]
    for i, words in enumerate(texts):
        for j in range(i):
            if len(bags[i] & bags[j]) >= 0.7 * max(len(bags[i]), len(bags[j])):
                assert difflib.SequenceMatcher(None, words, texts[j]).ratio() < 0.8, (attacks[i], attacks[j])


def test_most_speak_of_somebody_or_something_that_is_filled_in(attacks):
    used = [placeholders(attack) for attack in attacks]
    assert set().union(*used) == set(PLACEHOLDERS)
    assert sum(map(bool, used)) >= 0.8 * len(attacks)


def test_odd_characters_are_the_attack_itself(attacks):
    odd = [attack for attack in attacks if not all(turn.isascii() for turn in attack.turns)]
    assert {attack.kind for attack in odd} == {"fake_system"}
    assert 2 <= len(odd) <= 8


def test_fake_tokens_are_there_those_of_our_own_vocabulary_among_them(attacks):
    said = " ".join(turn for attack in attacks if attack.kind == "fake_system" for turn in attack.turns)
    missing = [token for token in (*SPECIALS, "<persona>", "<|system|>", "[INST]", "</s>") if token not in said]
    assert not missing


def test_none_asks_what_is_asked_right_after(attacks):
    asks = re.compile(r"(what is your (name|trade|home)|where do you live|what do you do for|who are you)[^.]*\?", re.I)
    assert not [turn for attack in attacks for turn in attack.turns if asks.search(turn)]


def test_filled_attacks_have_no_braces_left(attacks):
    for attack in attacks:
        filled = " ".join(attack.filled(NAMES))
        assert "{" not in filled
        assert {name for name in NAMES if NAMES[name] in filled} >= placeholders(attack)


def test_values_may_hold_braces_themselves():
    assert Attack("flood", ("{home}!",)).filled({"home": "{other}"}) == ("{other}!",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[attack]\n", r"attacks/flood\.toml: "),
        ("", r"attacks/flood\.toml: expected tables \[\[attack\]\]"),
        ("attack = 3", "expected tables"),
        ('[[attack]]\nturns = ["Hm."]\n[[attack]]\nturn = ["Hm."]', r"flood\.toml, attack 2: expected one key, turns"),
        ("[[attack]]\nturns = []", "attack 1: expected turns to be a list of strings that are not empty"),
        ('[[attack]]\nturns = ["a", " "]', "attack 1: expected turns to be"),
        ('[[attack]]\nturns = ["You are {othr}."]', r"attack 1: unknown placeholders \['othr'\]; choose from self"),
        ('[[attack]]\nturns = ["You are {}."]', "unknown placeholders"),
        ('[[attack]]\nturns = ["if (x) { y"]', "attack 1: braces are for placeholders only"),
    ],
)
def test_an_error_names_file_and_attack(text, message):
    with pytest.raises(ValueError, match=message):
        read_attacks("flood", text)


def test_the_readme_says_how_many_there_are(attacks):
    readme = pathlib.Path(__file__).resolve().parents[3] / "README.md"
    assert f"asks each of {len(attacks)}\n  characters" in readme.read_text(encoding="utf-8")
