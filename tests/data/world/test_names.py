import random

import pytest

from persona_tf.data.world import names
from persona_tf.data.world.lexicon import load


@pytest.fixture(scope="module")
def made_up():
    rng = random.Random(0)
    return {novel: [names.made_up(rng, novel, "person") for _ in range(4_000)] for novel in (False, True)}


def test_training_never_shows_a_novel_syllable(made_up):
    fillers = [v for kind in names.NAME_TYPES for v in load().fillers[kind].train + load().fillers[kind].unseen]
    for name in made_up[False] + fillers:
        assert not any(syllable in name.lower() for syllable in names.NOVEL_SYLLABLES), name


def test_training_never_shows_a_novel_letter(made_up):
    fillers = [v for pair in load().fillers.values() for v in pair.train + pair.unseen]
    for name in made_up[False] + fillers:
        assert not names.novel_letters() & set(name.lower()), name


def test_novel_names_are_never_trained(made_up):
    assert not set(made_up[False]) & set(made_up[True])


def test_there_are_enough_real_names_and_no_filler_is_one():
    real = names.real_names()
    assert sum(map(len, real.values())) >= 150
    for kind, listed in real.items():
        assert len(set(listed)) == len(listed)
        assert not set(listed) & set(load().fillers[kind].train + load().fillers[kind].unseen)


def test_training_shows_the_bytes_of_novel_names():
    """So that a model that falls back to bytes has met each of them, though not these letters."""
    rng = random.Random(1)
    shown, novel = (
        {b for _ in range(20_000) for b in names.made_up(rng, split, "town").encode() if b >= 0x80}
        for split in (False, True)
    )
    assert shown >= set(range(0x80, 0xC0))
    assert novel <= shown


def test_most_names_differ(made_up):
    assert len(set(made_up[False])) > 3_900
