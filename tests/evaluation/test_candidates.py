import dataclasses

import pytest

from persona_tf.evaluation.candidates import Ranked, draw_candidates
from persona_tf.example import Example, Target


def _single(dialogue, turn, reply, candidates=()):
    return Example(f"e{dialogue}:1", (), (), (Target(turn, reply, candidates=candidates),))


MANY = [_single(i // 4, i % 4, f"Reply number {i}!") for i in range(200)]


def test_the_true_reply_stands_among_others_that_all_differ():
    places = []
    for example, drawn in zip(MANY, draw_candidates(MANY, 20), strict=True):
        assert len(drawn) == len(set(drawn)) == 20
        places.append(drawn.index(example.targets[0].reply))
        own = {other.targets[0].reply for other in MANY if other.id == example.id}
        assert set(drawn) & own == {example.targets[0].reply}, "others are of other dialogues"
    assert len(set(places)) == 20, "its place tells nothing"


def test_draws_are_seeded_by_the_target():
    assert draw_candidates(MANY, 20) == draw_candidates(MANY, 20)
    assert draw_candidates(MANY, 20, seed=1) != draw_candidates(MANY, 20)
    other_order = draw_candidates([MANY[7], *MANY[:7], *MANY[8:]], 20)
    assert set(other_order[0]) & set(draw_candidates(MANY, 20)[7]) >= {"Reply number 7!"}


def test_what_says_the_same_is_no_other_candidate():
    same = [_single(i, 1, text) for i, text in enumerate(("Good day!", "good day", "Good  day.", "Hm.", "Oh?"))]
    drawn = draw_candidates(same, 4)
    assert set(drawn[1]) == {"good day", "Hm.", "Oh?"}
    assert {"Hm.", "Oh?"} < set(drawn[3]) | {"Oh?"}
    assert len(drawn[3]) == 3, "there are no more"


def test_the_candidates_of_the_data_are_kept_where_the_true_one_is_among_them():
    own = ("No.", "Maybe.", "Yes.")
    with_own, without = _single(0, 1, "Yes.", own), _single(0, 3, "Never.", own)
    first, second = draw_candidates([with_own, without], 20)
    assert sorted(first) == sorted(own)
    assert set(second) == {"Never.", "Yes."}


def test_a_target_that_says_nothing_is_not_ranked():
    assert draw_candidates([_single(0, 1, ""), *MANY], 20)[0] == ()


def test_ranked_is_the_same_through_json():
    ranked = Ranked(("a", "b"), (1.5, 2.0), (3, 4))
    assert Ranked.from_json(ranked.to_json()) == ranked
    with pytest.raises(ValueError, match="got 2 candidates, 1 nats, 2 tokens"):
        dataclasses.replace(ranked, nats=(1.0,))
