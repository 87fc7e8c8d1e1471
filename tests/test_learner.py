import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.episode import KEY_KINDS, Aside, Character, Episode, Fact, Setting, Turn
from persona_tf.example import (
    NO_EMOTE,
    PARTNER,
    SELF,
    TOLD,
    ExampleConfig,
    replies_alone,
    strings,
    with_texts,
)
from persona_tf.learner import CHARACTERS_A_TOKEN, examples, history_turns, knowledge_items

EVERYTHING = ExampleConfig(kinds=KEY_KINDS)
TOLD_ALL = ExampleConfig(kinds=KEY_KINDS, knowledge_as_history=True)


@pytest.fixture
def market(episodes):
    return episodes[0]


@pytest.fixture
def both(market):
    """The market as Tam (0) and as Mira (1) live it."""
    return list(examples(market, EVERYTHING))


def test_items_are_all_that_the_learner_knows(both):
    tam, mira = ({item.key: item.text for item in example.items} for example in both)
    place = {
        "setting_name/0": "Old barn, Farm",
        "setting_description/0": "The roof leaks.",
        "setting_description/1": "Hay lies about.",
        "object/0": "a rake : It is rusty.",
        "present/0": "a goose",
    }
    assert mira == place | {
        "self_name/0": "Mira the baker",
        "partner_name/0": "Tam",
        "persona/0": "I bake bread.",
        "persona/1": "My cat is called Fig.",
        "persona/2": "I fear geese.",
        "partner_persona/0": "I am a guard.",
        "partner_persona/1": "My dog is called Rook.",
        "carrying/0": "a basket : It smells of rye.",
        "wearing/0": "an apron",
        "wielding/0": "a ladle",
    }
    assert tam == place | {
        "self_name/0": "Tam",
        "partner_name/0": "Mira the baker",
        "persona/0": "I am a guard.",
        "persona/1": "My dog is called Rook.",
        "partner_persona/0": "I bake bread.",
        "partner_persona/1": "My cat is called Fig.",
        "partner_persona/2": "I fear geese.",
    }


def test_a_stranger_does_not_know_the_partners_persona(market):
    shown = knowledge_items(market, 1, ExampleConfig())
    assert {item.kind for item in knowledge_items(market, 1, EVERYTHING)} - {item.kind for item in shown} == {
        "partner_persona"
    }


def test_an_items_kind_is_that_of_its_key(both):
    assert all(item.key.split("/")[0] == item.kind for example in both for item in example.items)


@pytest.mark.parametrize("left_out", KEY_KINDS)
def test_a_kind_that_is_left_out_is_not_shown_and_the_others_are(market, left_out):
    kinds = tuple(kind for kind in KEY_KINDS if kind != left_out)
    shown = knowledge_items(market, 1, ExampleConfig(kinds=kinds))
    everything = knowledge_items(market, 1, EVERYTHING)
    assert {i.key for i in shown} == {i.key for i in everything if i.kind != left_out}
    assert len(shown) < len(everything)


def test_gold_names_the_grounding_after_shuffling(market, both):
    for example in both:
        for target in example.targets:
            named = [example.items[i].key for i in target.gold] + [f"turn/{i}" for i in target.gold_turns]
            assert sorted(named) == sorted(market.turns[target.turn].grounding)
    assert [len(target.gold) for target in both[1].targets] == [1, 2, 2]
    assert [target.gold_turns for target in both[1].targets] == [(), (), (2, 4)]


def test_grounding_that_is_not_shown_is_no_gold(market):
    [_, mira] = examples(market, ExampleConfig(kinds=("persona",)))
    assert [{mira.items[i].key for i in t.gold} for t in mira.targets] == [{"persona/0"}, {"persona/1"}, {"persona/2"}]
    assert mira.targets[1].grounding == ("persona/1", "object/0")


def test_history_is_seen_from_both_sides(market, both):
    tam, mira = both
    assert [turn.who for turn in mira.history] == [PARTNER, SELF, PARTNER, SELF, PARTNER]
    assert [turn.who for turn in tam.history] == [SELF, PARTNER, SELF, PARTNER]
    for example in both:
        for turn in example.history:
            said = market.turns[turn.turn]
            assert (turn.speech, turn.action, turn.emote) == (said.speech, said.action, said.emote)


def test_targets_are_the_learners_turns_with_their_labels(both):
    tam, mira = both
    assert [t.turn for t in tam.targets] == [0, 2, 4]
    assert [(t.turn, t.reply, t.action, t.emote) for t in mira.targets] == [
        (1, "Fresh bread, friend? I bake it.", "", "grin"),
        (3, "She is mine. Fig is her name.", "give bread to Tam", NO_EMOTE),
        (5, "Mind the goose!", "", "scream"),
    ]


def test_a_turn_in_which_nothing_happens_is_no_history_and_no_target():
    talk = (Turn(0, "Hi."), Turn(1), Turn(0, emote="nod"), Turn(1, "Ho."))
    episode = Episode("quiet", "demo", None, (Character("A"), Character("B")), talk, (1,))
    [example] = examples(episode, EVERYTHING)
    assert [t.turn for t in example.history] == [0, 2]
    assert [t.turn for t in example.targets] == [3]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 7])
def test_windows_hold_at_most_max_targets_and_each_target_once(most):
    talk = tuple(Turn(i % 2, f"Word {i}.") for i in range(14))
    episode = Episode("long", "demo", None, (Character("A"), Character("B")), talk)
    for learner in (0, 1):
        config = ExampleConfig(max_targets=most)
        windows = [e for e in examples(episode, config) if e.id == f"long:{learner}"]
        assert [t.turn for w in windows for t in w.targets] == list(range(learner, 14, 2))
        assert all(len(w.targets) == most for w in windows[:-1])
        for window in windows:  # all that was before the last target, and nothing after it
            assert [t.turn for t in window.history] == list(range(window.targets[-1].turn))


@pytest.fixture
def whispered():
    talk = tuple(Turn(i % 2, f"Word {i}.") for i in range(8))
    asides = tuple(Aside(at, Turn(0, f"Why {at}?"), Turn(1, f"So {at}.")) for at in (6, 0, 2, 2))
    return Episode("long", "demo", None, (Character("A"), Character("B")), talk, (1,), asides)


def test_each_aside_goes_to_the_window_in_which_it_stands(whispered):
    first, last = examples(whispered, ExampleConfig(max_targets=2), with_asides=True)
    asked = [(t.turn, t.aside, t.speech) for t in first.history if t.aside]
    assert asked == [(0, 1, "Why 0?"), (2, 2, "Why 2?"), (2, 3, "Why 2?")]
    answered = [(t.turn, t.aside, t.reply) for t in first.targets]
    assert answered == [(1, 0, "Word 1."), (3, 0, "Word 3."), (1, 1, "So 0."), (3, 2, "So 2."), (3, 3, "So 2.")]
    assert [t.aside for t in (*last.history, *last.targets)] == [0] * 7 + [1] + [0, 0, 1]
    out = strings([first])
    assert out.history_aside == [0, 0, 0, 1, 2, 3]
    assert out.target_aside == [0, 0, 1, 2, 3]


def test_where_an_example_has_one_target_each_aside_has_its_own(whispered):
    found = list(examples(whispered, ExampleConfig(max_targets=1), with_asides=True))
    said = [([t.speech for t in e.history], e.targets[0].reply) for e in found]
    assert len(found) == 4 + 4
    assert said[1] == (["Why 0?"], "So 0.")
    assert said[3] == (["Word 0.", "Word 1.", "Why 2?"], "So 2.")
    assert not any(t.aside for e in found for t in (*e.history, *e.targets))


def test_asides_are_for_training_and_for_those_who_answer_them(whispered):
    assert not any(t.aside for e in examples(whispered, ExampleConfig()) for t in e.targets)
    both = dataclasses.replace(whispered, learners=(0, 1))
    found = examples(both, ExampleConfig(), with_asides=True)
    assert [sum(t.aside > 0 for t in e.targets) for e in found] == [0, 4]


def _talk(lengths):
    """A dialogue whose turns hold so many characters."""
    turns = tuple(Turn(i % 2, "x" * length) for i, length in enumerate(lengths))
    return Episode("long", "demo", None, (Character("A"), Character("B")), turns, (1,))


def _windows(lengths, history_tokens, most=8):
    found = examples(_talk(lengths), ExampleConfig(max_targets=most, history_tokens=history_tokens))
    return [[target.turn for target in example.targets] for example in found]


def test_a_history_that_is_too_long_makes_windows_shorter():
    # 14 turns of 25 characters, about 10 tokens each: the history of the last target is 130.
    assert _windows([25] * 14, 0) == _windows([25] * 14, 130) == [[1, 3, 5, 7, 9, 11, 13]]
    # Kept are 80: up to turn 7 all fits; beyond, targets of one example are at most 40 tokens apart.
    assert _windows([25] * 14, 80) == [[1, 3, 5, 7], [9, 11, 13]]
    # Kept are 40, so 20 apart.
    assert _windows([25] * 14, 40) == [[1, 3], [5, 7], [9, 11], [13]]
    assert _windows([25] * 14, 1) == [[1], [3], [5], [7], [9], [11], [13]]


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(1, 200), st.integers(1, 8))
def test_every_target_keeps_what_was_said_just_before_it(lengths, tokens, most):
    windows = _windows(lengths, tokens, most)
    assert [i for window in windows for i in window] == [i for i in range(1, len(lengths), 2) if lengths[i]]
    room = CHARACTERS_A_TOKEN * tokens
    for window in windows:
        assert len(window) <= most
        whole, apart = sum(lengths[: window[-1]]), sum(lengths[window[0] : window[-1]])
        kept = min(room, whole) - apart  # of the first target's history
        assert kept >= min(sum(lengths[: window[0]]), room / 2)


def test_an_empty_persona_and_no_setting(episodes):
    [example] = examples(episodes[2], EVERYTHING)
    assert {item.key: item.text for item in example.items} == {"self_name/0": "B", "partner_name/0": "A"}


def test_nobody_has_a_name():
    episode = Episode("e", "demo", None, (Character(""), Character("", (Fact(""),))), (Turn(1, "Hi."),), (1,))
    [example] = examples(episode, EVERYTHING)
    assert example.items == ()


def test_one_turn_has_no_history(episodes):
    [example] = examples(episodes[3], EVERYTHING)
    assert example.history == ()
    assert [t.reply for t in example.targets] == ["Nobody here."]


def test_only_learners_have_examples(market):
    assert [e.id for e in examples(dataclasses.replace(market, learners=(1,)), EVERYTHING)] == ["market:1"]
    assert list(examples(dataclasses.replace(market, learners=()), EVERYTHING)) == []


def test_the_order_of_items_is_seeded_by_the_episodes_id(market):
    def order(episode):
        return [item.key for item in knowledge_items(episode, 1, EVERYTHING)]

    orders = {tuple(order(dataclasses.replace(market, id=f"m{i}"))) for i in range(20)}
    assert len(orders) == 20
    assert order(market) == order(market)
    firsts = {keys[0] for keys in orders}
    assert len(firsts) > 5, "no item may stand at a place of its own"


def test_the_order_of_items_is_the_same_in_every_process(market):
    keys = [item.key for item in knowledge_items(market, 1, EVERYTHING)]
    code = (
        "import json, sys\n"
        "from persona_tf.episode import KEY_KINDS, Episode\n"
        "from persona_tf.example import ExampleConfig\n"
        "from persona_tf.learner import knowledge_items\n"
        "episode = Episode.from_json(json.load(sys.stdin))\n"
        "print(*[i.key for i in knowledge_items(episode, 1, ExampleConfig(kinds=KEY_KINDS))])\n"
    )
    import json

    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(market.to_json()),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.split() == keys


def test_history_turns_of_nothing():
    assert history_turns((), 0) == ()


@pytest.fixture
def told(market):
    """`both`, with all that is known told in the history."""
    return list(examples(market, TOLD_ALL))


def test_what_is_told_holds_the_same_text_and_all_else_is_the_same(both, told):
    for plain, example in zip(both, told, strict=True):
        assert (example.items, example.told) == ((), len(plain.items))
        assert example.knowledge == plain.knowledge == plain.items
        first = example.history[: example.told]
        for turn, item in zip(first, plain.items, strict=True):
            assert (turn.item, turn.key, turn.who) == (item, item.key, SELF)
            assert turn.speech == TOLD[item.kind].format(item.text)
        assert [turn.turn for turn in first] == list(range(-example.told, 0))
        assert example.history[example.told :] == plain.history
        same = [dataclasses.replace(target, gold=(), gold_turns=()) for target in plain.targets]
        assert [dataclasses.replace(target, gold_turns=()) for target in example.targets] == same
    assert set(TOLD) == set(KEY_KINDS)
    assert all(words.count("{}") == 1 for words in TOLD.values())


def test_gold_that_is_told_names_the_grounding(market, told):
    for example in told:
        keys = {turn.turn: turn.key for turn in example.history}
        for target in example.targets:
            assert sorted(keys[turn] for turn in target.gold_turns) == sorted(market.turns[target.turn].grounding)
            assert target.gold == ()
    assert sum(turn < 0 for example in told for target in example.targets for turn in target.gold_turns) == 1 + 2 + 2


def test_what_is_told_is_numbered_before_all_that_was_said(both, told):
    plain, flat = strings(both), strings(told)
    counts = plain.items_per_example
    assert (flat.items_per_example, flat.knowledge_text) == ([0, 0], [])
    assert (plain.told_per_example, flat.told_per_example) == ([0, 0], counts)
    assert flat.turns_per_example == [t + i for t, i in zip(plain.turns_per_example, counts, strict=True)]
    assert flat.history_number == [*range(counts[0] + 4), *range(counts[1] + 5)]
    assert flat.target_number == [0 + 12, 2 + 12, 4 + 12, 1 + 15, 3 + 15, 5 + 15]
    assert (flat.target_reply, flat.target_value) == (plain.target_reply, plain.target_value)
    numbers = [number for example in told for number in range(len(example.history))]
    keys = iter([example.turn_key(number) for example in told for number in range(len(example.history))])
    assert [turn.key for example in told for turn in example.history] == list(keys)
    assert numbers == flat.history_number
    assert {example.turn_key(-1) for example in (*both, *told)} == {"turn/-1"}
    items = [example.items for example in both for _ in example.targets]
    wanted = sorted((t, items[t][i].key if i >= 0 else f"turn/{n}") for t, i, n in plain.gold)
    owners = [example for example in told for _ in example.targets]
    assert sorted((t, owners[t].turn_key(n)) for t, i, n in flat.gold) == wanted
    assert {i for _, i, _ in flat.gold} == {-1}


@pytest.mark.parametrize("most", [1, 2])
def test_windows_and_asides_are_the_same_where_all_is_told(whispered, most):
    bot = dataclasses.replace(whispered, characters=(Character("A"), Character("B", (Fact("I bake."),))))
    config = ExampleConfig(max_targets=most, history_tokens=8)
    plain = list(examples(bot, config, with_asides=True))
    found = list(examples(bot, dataclasses.replace(config, knowledge_as_history=True), with_asides=True))
    assert [e.history[e.told :] for e in found] == [e.history for e in plain]
    numbers = [[[(t.turn, t.aside) for t in e.targets] for e in some] for some in (plain, found)]
    assert numbers[0] == numbers[1]
    assert {e.told for e in found} == {3}
    assert all(sum(turn.item is not None for turn in e.history) == 3 for e in found)


def test_other_texts_at_some_keys(both, told):
    texts = {"persona/1": "My cat is called Moss.", "turn/2": "Whose dog is that?", "setting_name/0": "Pond"}
    for example in (both[1], told[1]):
        changed = with_texts(example, texts)
        before, after = ({i.key: i.text for i in e.knowledge} for e in (example, changed))
        assert after == before | {key: text for key, text in texts.items() if key in before}
        said = {turn.key: turn.speech for turn in changed.history}
        assert said["turn/2"] == "Whose dog is that?"
        assert [turn.turn for turn in changed.history] == [turn.turn for turn in example.history]
    assert (said["persona/1"], said["setting_name/0"]) == ("My cat is called Moss.", "We are here: Pond.")


def test_facts_are_targets_only_where_they_are_learned(stating):
    plain = list(examples(stating, ExampleConfig(), with_facts=True))
    learns = ExampleConfig(learn_facts=True)
    assert plain == list(examples(stating, learns)) == list(map(replies_alone, examples(stating, learns, False, True)))


def test_windows_share_out_what_is_read(stating):
    """Whatever the windows are, each turn is read once, and before each reply something made up is asked for."""
    for most in (1, 2, 8):
        config = ExampleConfig(learn_facts=True, max_targets=most)
        found = [t for e in examples(stating, config, with_facts=True) for t in e.targets]
        assert [t.turn for t in found if t.task == "extract"] == [1, 2, 3, 4, 5], "the last is heard by no reply"
        assert [t.turn for t in found if t.task == "invent"] == [1, 3, 5]
        for example in examples(stating, config, with_facts=True):
            assert all(any(h.turn == t.turn - 1 for h in example.history) for t in example.targets if t.task != "reply")


def test_of_who_has_no_facts_nothing_is_read(stating):
    unknown = dataclasses.replace(stating, characters=(Character("Tam"), stating.characters[1]))
    [example] = examples(unknown, ExampleConfig(learn_facts=True), with_facts=True)
    assert [t.turn for t in example.targets if t.task == "extract"] == [2, 4]


def test_owners_are_as_the_learner_sees_them(stating):
    mirrored = dataclasses.replace(stating, learners=(0,))
    owners = [
        fact.owner
        for e in examples(mirrored, ExampleConfig(learn_facts=True), with_facts=True)
        for t in e.targets
        for fact in t.facts
        if t.task == "extract"
    ]
    assert owners == ["self", "partner", "world"]


def _lessons():
    """Bread, asked after three times; the wizard has other sentences to hand at the last turn, and all at a fourth."""
    key = "setting_description/{}".format
    known = ((key(0), key(1)), (key(0), key(1)), (key(1), key(2)), ())
    talk = [
        turn
        for number, knows in enumerate(known)
        for turn in (Turn(0, f"Question {number}?"), Turn(1, "So.", grounding=(key(min(number, 2)),), knows=knows))
    ]
    bread = Setting("Bread", description=("It is old.", "It is baked.", "It is brown."))
    bot = Character("", (Fact("I bake."),))
    return Episode("lessons", "demo", bread, (Character(""), bot), tuple(talk), (1,))


def test_what_one_knows_may_change_with_the_turn():
    found = list(examples(_lessons(), ExampleConfig()))
    places = [sorted(i.key[-1] for i in e.items if i.kind == "setting_description") for e in found]
    assert places == [["0", "1"], ["1", "2"], ["0", "1", "2"]]
    assert [[t.turn for t in e.targets] for e in found] == [[1, 3], [5], [7]]
    for example in found:
        assert {"persona/0", "setting_name/0"} <= {item.key for item in example.items}
        for target in example.targets:
            assert [example.items[i].key for i in target.gold] == list(target.grounding)
    assert [len(e.history) for e in found] == [3, 5, 7], "what was said is known to the end"


def test_the_order_of_what_is_known_says_nothing_new():
    whole = [item.key for item in knowledge_items(_lessons(), 1, ExampleConfig())]
    for example in examples(_lessons(), ExampleConfig()):
        keys = [item.key for item in example.items]
        assert keys == [key for key in whole if key in keys]


def test_a_label_that_the_head_does_not_know_is_an_error_and_never_another_label():
    talk = (Turn(0, "I won!", emote="happiness"), Turn(1, "Oh!", emote="surprise"))
    episode = Episode("happy", "demo", None, (Character(""), Character("")), talk, (1,))
    with pytest.raises(ValueError, match=r"turn 1: the emote 'surprise' is none of .*learn_emote = False"):
        list(examples(episode, ExampleConfig()))
    [example] = examples(episode, ExampleConfig(emotes=("happiness", "surprise")))
    assert example.targets[0].emote == "surprise"
    assert strings([example]).target_emote == [2]
    [example] = examples(episode, ExampleConfig(learn_emote=False))
    assert example.targets[0].emote == NO_EMOTE
    assert strings([example]).target_emote == [0]
