import pytest

from persona_tf.episode import EMOTES, KEY_KINDS
from persona_tf.example import EMOTE_LABELS, NO_EMOTE, PARTNER, SELF, ExampleConfig, strings
from persona_tf.learner import examples


def test_strings_are_cut_by_row_lengths(episodes):
    both = list(examples(episodes[0], ExampleConfig(kinds=KEY_KINDS)))
    flat = strings(both)
    assert flat.items_per_example == [12, 15]
    assert flat.turns_per_example == [4, 5]
    assert flat.targets_per_example == [3, 3]
    assert flat.knowledge_text == [i.text for e in both for i in e.items]
    assert flat.knowledge_kind == [KEY_KINDS.index(i.kind) for e in both for i in e.items]
    assert flat.history_who == [SELF, PARTNER, SELF, PARTNER, PARTNER, SELF, PARTNER, SELF, PARTNER]
    assert flat.history_number == [0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert flat.history_emote == ["smile", "grin", "", "", "smile", "grin", "", "", "nod"]
    assert flat.target_number == [0, 2, 4, 1, 3, 5]
    assert [EMOTE_LABELS[i] for i in flat.target_emote] == ["smile", NO_EMOTE, "nod", "grin", NO_EMOTE, "scream"]
    items = [item.key for item in both[1].items] + [None]
    named = [(flat.target_number[target], items[item], turn) for target, item, turn in flat.gold]
    assert sorted(named, key=str) == [
        (1, "persona/0", -1),
        (3, "object/0", -1),
        (3, "persona/1", -1),
        (5, "persona/2", -1),
        (5, "present/0", -1),
        (5, None, 2),
        (5, None, 4),
    ]


def test_strings_of_nothing():
    assert all(value == [] for value in vars(strings([])).values())


def test_emote_labels_begin_with_none():
    assert ("none", *EMOTES) == EMOTE_LABELS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kinds": ("persona", "shoes")}, "shoes"),
        ({"max_targets": 0}, "max_targets must be at least 1, got 0"),
        ({"history_tokens": -1}, "history_tokens must not be negative, got -1"),
    ],
)
def test_config_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        ExampleConfig(**fields)


@pytest.mark.parametrize("emotes", [(), ("joy", "joy"), ("joy", "none")])
def test_labels_of_emotes_that_cannot_be_told_apart(emotes):
    with pytest.raises(ValueError, match="emotes: expected different labels, and 'none' none of them"):
        ExampleConfig(emotes=emotes)
