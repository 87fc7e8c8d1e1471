import dataclasses

import pytest

from persona_tf.evaluation.candidates import Ranked, draw_candidates
from persona_tf.example import Example, Target


def _single(dialogue, turn, reply, candidates=(), learner=1):
    return Example(f"e{dialogue}:{learner}", (), (), (Target(turn, reply, candidates=candidates),))


MANY = [_single(i // 4, i % 4, f"Reply number {i}!", learner=i % 2) for i in range(200)]


def test_the_true_reply_stands_among_others_that_all_differ():
    places = []
    for example, drawn in zip(MANY, draw_candidates(MANY, 20), strict=True):
        assert len(drawn) == len(set(drawn)) == 20
        places.append(drawn.index(example.targets[0].reply))
        own = {other.targets[0].reply for other in MANY if other.episode_id == example.episode_id}
        assert set(drawn) & own == {example.targets[0].reply}, "others are of other dialogues, of both speakers"
    assert len(set(places)) == 20, "its place tells nothing"


def test_draws_are_seeded_by_the_target():
    assert draw_candidates(MANY, 20) == draw_candidates(MANY, 20)
    assert draw_candidates(MANY, 20, seed=1) != draw_candidates(MANY, 20)
    assert draw_candidates(MANY[::-1], 20)[::-1] == draw_candidates(MANY, 20), "the order of others counts for nothing"


def test_what_says_the_same_is_no_other_candidate():
    same = [_single(i, 1, text) for i, text in enumerate(("Good day!", "good day", "Good  day.", "Hm.", "Oh?"))]
    drawn = draw_candidates(same, 4)
    assert set(drawn[1]) == {"good day", "Hm.", "Oh?"}
    assert sorted(drawn[3]) == ["Good day!", "Hm.", "Oh?"], "there are no more"


def test_the_candidates_of_the_data_are_kept_where_the_true_one_is_among_them():
    own = ("No.", "Maybe.", "Yes.")
    with_own, without = _single(0, 1, "Yes!", own), _single(0, 3, "Never.", own)
    first, second = draw_candidates([with_own, without], 20)
    assert sorted(first) == sorted(own)
    assert set(second) == {"Never.", "Yes!"}


def test_a_target_that_says_nothing_or_has_no_rival_is_not_ranked():
    assert draw_candidates([_single(0, 1, ""), *MANY], 20)[0] == ()
    assert draw_candidates([_single(0, 1, "Hm."), _single(1, 1, "hm")], 20) == [(), ()]


def test_ranked_is_the_same_through_json():
    ranked = Ranked(("a", "b"), (1.5, 2.0), (3, 4))
    assert Ranked.from_json(ranked.to_json()) == ranked
    with pytest.raises(ValueError, match="got 2 candidates, 1 nats, 2 tokens"):
        dataclasses.replace(ranked, nats=(1.0,))
