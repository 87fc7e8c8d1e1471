import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.data.world.generator import episodes as world_dialogues
from persona_tf.episode import EMOTES, KEY_KINDS, Character, Episode, Fact, Probe, Turn
from persona_tf.example import (
    EMOTE_LABELS,
    OWNERS,
    PARTNER,
    SELF,
    TASKS,
    Example,
    ExampleConfig,
    HistoryTurn,
    Item,
    Strings,
    Target,
    lay_out,
    strings,
)
from persona_tf.learner import examples
from persona_tf.text import vocabulary
from persona_tf.text.config import TextConfig
from persona_tf.text.features import ACTION_HEAD, ASIDE, EMOTE_HEAD, FACTS_HEAD, FEATURES, REPLY_HEAD, check_features
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.text.vocabulary import ACTION, EMOTE, FACT_MARKS, REPLY, SPECIALS, fact_ids, train_vocabulary

SMALL = TextConfig(vocabulary_size=330, item_tokens=5, turn_tokens=10, history_tokens=46, target_tokens=6)
"""The history holds just one turn of the greatest length."""


@pytest.fixture(scope="module")
def small(tokenizer):
    """A packer with narrow limits."""
    return Packer(tokenizer, SMALL)


def _spell(tokenizer, ids):
    """Ids as words: special ones by name, stretches of text as they read."""
    words, text = [], []
    for i in [*ids, None]:
        if i is None or i < len(SPECIALS):
            words += [tokenizer.decode(text)] if text else []
            words += [] if i is None else [SPECIALS[i]]
            text = []
        else:
            text.append(i)
    return words


def _row(packer, example):
    """The features of one example as lists."""
    return {name: value[0].numpy().tolist() for name, value in packer.pack(strings([example])).items()}


def _example(items=(), history=(), targets=(("Yes.", "", "none"),)):
    """An example of facts, (who, speech[, action, emote]) and (reply, action, emote)."""
    turns = [HistoryTurn(who, i, *[*rest, "", ""][:3]) for i, (who, *rest) in enumerate(history)]
    return Example(
        "e",
        tuple(Item(f"persona/{i}", "persona", text) for i, text in enumerate(items)),
        tuple(turns),
        tuple(Target(len(turns) + i, *words) for i, words in enumerate(targets)),
    )


def _tensors(flat):
    """Strings -> what `Packer.pack_tensors` takes."""
    types = {f.name: tf.string if f.type == list[str] else tf.int32 for f in dataclasses.fields(Strings)}
    shapes = {name: [-1, 3] if name == "gold" else [-1] for name in types}
    return {n: tf.reshape(tf.constant(getattr(flat, n), types[n]), shapes[n]) for n in types}


@pytest.fixture(scope="module")
def golden(packer):
    """A worked example and its features."""
    example = Example(
        "golden",
        (Item("persona/0", "persona", "I bake."), Item("present/0", "present", "a goose")),
        (HistoryTurn(PARTNER, 3, "Hi", "hug Mira", "smile"), HistoryTurn(SELF, 4, "", "", "nod")),
        (Target(5, "Yes.", "give bread", "wave", gold=(1,), gold_turns=(3,)), Target(7, "", "", "none", gold=(0, 1))),
    )
    return _row(packer, example)


def _parts(values, tokenizer, owner, ids):
    """Words of each part of a row: {owner: words}."""
    numbers = dict.fromkeys(values[owner])
    return {
        n: _spell(tokenizer, [i for i, o in zip(values[ids], values[owner], strict=True) if o == n]) for n in numbers
    }


def test_golden_knowledge(golden, tokenizer):
    assert _parts(golden, tokenizer, "knowledge_item", "knowledge_ids") == {0: ["I bake."], 1: ["a goose"]}
    kinds = dict(zip(golden["knowledge_item"], golden["knowledge_kind"], strict=True))
    assert kinds == {0: 1 + KEY_KINDS.index("persona"), 1: 1 + KEY_KINDS.index("present")}
    lengths = [golden["knowledge_item"].count(i) for i in (0, 1)]
    assert golden["knowledge_position"] == [*range(lengths[0]), *range(lengths[1])]


def test_golden_history(golden, tokenizer):
    assert _parts(golden, tokenizer, "history_turn", "history_ids") == {
        0: ["<history>"],
        4: ["<partner>", "Hi", "<action>", "hug Mira", "<emote>", "smile"],
        5: ["<self>", "<emote>", "nod"],
    }
    lengths = [golden["history_turn"].count(turn) for turn in (0, 4, 5)]
    assert golden["history_position"] == [i for length in lengths for i in range(length)]


def test_golden_targets(golden, tokenizer):
    assert _parts(golden, tokenizer, "target_index", "target_ids") == {
        0: ["<reply>", "Yes.", "<action>", "give bread", "<emote>"],
        1: ["<reply>", "<action>", "<emote>"],
    }
    first = golden["target_index"].count(0)
    ids, labels, head = (golden[f"target_{name}"] for name in ("ids", "labels", "head"))
    assert labels[: first - 1] == ids[1:first]
    assert labels[first - 1] == EMOTE_LABELS.index("wave")
    assert labels[first:] == [ACTION, EMOTE, EMOTE_LABELS.index("none")]
    reply = ids.index(ACTION)
    assert head[:first] == [REPLY_HEAD] * reply + [ACTION_HEAD] * (first - 1 - reply) + [EMOTE_HEAD]
    assert head[first:] == [REPLY_HEAD, ACTION_HEAD, EMOTE_HEAD]
    assert golden["target_turn"] == [6] * first + [8] * 3
    assert golden["target_position"] == [*range(first), 0, 1, 2]


def test_golden_gold(golden):
    pairs = zip(golden["gold_target"], golden["gold_item"], golden["gold_turn"], strict=True)
    assert sorted(pairs) == [(0, -1, 4), (0, 1, 0), (1, 0, 0), (1, 1, 0)]


def _marked(packer, reply, value):
    """The words of a reply whose labels are marked as those of the value."""
    target = Target(0, reply, "give bread", "wave", probe=Probe("persona", "slot", value))
    row = _row(packer, Example("e", (), (), (target,)))
    labels = zip(row["target_labels"], row["target_value"], strict=True)
    return _spell(packer.tokenizer, [label for label, marked in labels if marked])


def test_the_words_of_a_known_value_are_marked(packer):
    assert _marked(packer, "Ask the goose for bread, Tam.", "bread") == ["bread"]
    assert _marked(packer, "The old goose, an old goose.", "old goose") == ["old goose old goose"]
    assert _marked(packer, "Old goose, bread.", "goose and bread") == [], "a beginning is not the value"
    assert _marked(packer, "give bread", "") == []
    assert _marked(packer, "", "bread") == [], "actions are not marked"
    assert _marked(packer, "Yes.", "more words than the reply has") == []


def test_the_values_of_the_world_are_found_in_its_replies(ordinary):
    packer, _ = ordinary
    packer = Packer(packer.tokenizer, TextConfig(vocabulary_size=1500))
    turns = [turn for episode in world_dialogues("test_unseen", 40) for turn in episode.turns]
    answers = [(turn.speech, turn.probe.value) for turn in turns if turn.probe and turn.probe.value in turn.speech]
    answers = [(reply, value) for reply, value in answers if value]
    found = sum(" ".join(_marked(packer, reply, value)).startswith(value) for reply, value in answers)
    assert len(answers) > 100
    assert found > 0.97 * len(answers)


def test_features_are_those_that_are_declared(packer, features, cast):
    assert packer.pack(strings(cast)).keys() == FEATURES.keys()
    check_features(features)
    check_features({name: tf.constant(value) for name, value in features.items()})


def test_a_batch_is_its_rows_side_by_side(packer, cast, features):
    for i, example in enumerate(cast):
        for name, alone in _row(packer, example).items():
            padding = -1 if name in ("gold_target", "gold_item") else 0
            together = features[name][i].tolist()
            assert together == alone + [padding] * (len(together) - len(alone)), name


def test_the_oldest_turns_are_dropped_first_and_the_persona_never(small, tokenizer):
    items = [f"I fear {n}." for n in ("geese", "cats", "bread", "rain")]
    history = [(i % 2, f"turn {i}") for i in range(40)]
    row = _row(small, _example(items, history))
    assert len(row["history_ids"]) <= SMALL.history_tokens
    kept = _parts(row, tokenizer, "history_turn", "history_ids")
    assert [kept[turn][1] for turn in list(kept)[1:]] == [f"turn {turn - 1}" for turn in list(kept)[1:]]
    turns = list(kept)
    assert turns[0] == 0
    assert turns[1:] == list(range(turns[1], 41)), "the newest ones, in order, with their numbers"
    assert 3 < len(turns) < 15
    next_older = _row(small, _example((), [history[turns[1] - 2]]))["history_ids"][1:]
    assert len(row["history_ids"]) + len(next_older) > SMALL.history_tokens, "one more would not have fitted"
    assert len(set(row["knowledge_item"])) == len(items)


def test_asides_are_numbered_apart_and_take_no_room_from_what_was_said(small, tokenizer):
    example = _example((), [(i % 2, f"turn {i}") for i in range(40)], [("Yes.", "", "none")])
    asked = tuple(HistoryTurn(1, 4 + i, f"aside {i}", "", "", aside=i) for i in (1, 2, 3))
    answers = tuple(Target(5 + i, "No.", aside=i, gold_turns=(2, 4 + i)) for i in (1, 2, 3))
    with_asides = dataclasses.replace(example, history=example.history + asked, targets=example.targets + answers)
    without, row = _row(small, example), _row(small, with_asides)
    kept = _parts(row, tokenizer, "history_turn", "history_ids")
    assert [turn for turn in kept if turn >= ASIDE] == [ASIDE + 6, 2 * ASIDE + 7, 3 * ASIDE + 8]
    assert list(kept.values())[-3:] == [["<partner>", f"aside {i}"] for i in (1, 2, 3)]
    said = len(without["history_ids"])
    assert {name: row[name][:said] for name in row if name.startswith("history")} == {
        name: without[name] for name in row if name.startswith("history")
    }
    # Their targets' numbers are one more than what was said before: 5 + i counts from 0, as 4 + i does.
    assert sorted(set(row["target_turn"])) == [41, *(a * ASIDE + 6 + a for a in (1, 2, 3))]
    gold = list(zip(row["gold_target"], row["gold_turn"], strict=True))
    assert gold == [(a, turn) for a in (1, 2, 3) for turn in (3, a * ASIDE + 5 + a)], "what was said, and its own"


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """A packer with a vocabulary of ordinary text, and a long talk in it."""
    turns = [turn for episode in world_dialogues("train", 120) for turn in episode.turns]
    path = tmp_path_factory.mktemp("ordinary") / "vocabulary.model"
    model = train_vocabulary([turn.speech for turn in turns], 1500, path)
    talk = tuple(dataclasses.replace(turn, speaker=i % 2, grounding=()) for i, turn in enumerate(turns[:120]))
    config = TextConfig(vocabulary_size=1500, turn_tokens=64, history_tokens=160)
    return Packer(Tokenizer(model), config), Episode("long", "demo", None, (Character("A"), Character("B")), talk)


@pytest.mark.parametrize("known", [True, False])
def test_in_a_long_talk_each_target_keeps_what_was_said_just_before_it(ordinary, known):
    packer, talk = ordinary
    found = list(examples(talk, ExampleConfig(history_tokens=packer.config.history_tokens if known else 0)))
    kept = [set(turns) for turns in packer.pack(strings(found))["history_turn"].to_list()]
    assert sum(1 not in turns for turns in kept) > len(found) / 2, "most histories are too long"
    # Turns count from 1, so that the number of a target is that of the turn before it.
    lost = [t.turn for example, turns in zip(found, kept, strict=True) for t in example.targets if t.turn not in turns]
    assert bool(lost) != known, "examples that do not know the limit lose some"


def test_each_row_has_its_own_history(small, tokenizer):
    long, short = ([(1, f"turn {i}") for i in range(n)] for n in (40, 2))
    batch = small.pack(strings([_example((), history) for history in (long, (), short)]))
    turns = [sorted(set(row)) for row in batch["history_turn"].to_list()]
    assert turns[1:] == [[0], [0, 1, 2]]
    assert turns[0][-1] == 40


def test_a_longest_turn_with_action_and_emote_is_kept(small, tokenizer):
    turn = (PARTNER, "The goose minds the bread. " * 9, "give bread to Tam " * 30, "smile" * 20)
    row = _row(small, _example((), [(SELF, "Old."), turn]))
    assert set(row["history_turn"]) == {0, 2}, "the newest turn is there, however long it was"
    assert len(row["history_ids"]) == SMALL.history_tokens


def test_a_sentence_of_100_000_characters_is_cut(small, tokenizer):
    long = "goose " * 16_666 + "minds"
    row = _row(small, _example([long, "I bake."], [(PARTNER, long)], [(long, "", "none")]))
    assert [row["knowledge_item"].count(i) for i in (0, 1)] == [5, len(tokenizer.tokenize(tf.constant(["I bake."]))[0])]
    assert row["history_turn"].count(1) == 1 + SMALL.turn_tokens
    assert row["target_ids"].index(ACTION) == 1 + SMALL.target_tokens
    assert long.startswith(tokenizer.decode(row["target_ids"][1 : 1 + SMALL.target_tokens]))


def test_a_word_of_100_000_characters_is_cut(small):
    row = _row(small, _example(["x" * 100_000], [(PARTNER, "€" * 100_000)], [("z" * 100_000, "", "none")]))
    assert row["history_turn"].count(1) == 1 + SMALL.turn_tokens


def test_nothing_to_know_and_nothing_said_before(packer):
    row = _row(packer, _example())
    assert row["knowledge_ids"] == []
    assert (row["history_ids"], row["history_turn"], row["history_position"]) == ([1], [0], [0])
    assert row["gold_item"] == []


def test_no_examples_at_all(packer):
    packed = packer.pack(strings([]))
    assert all(value.nrows() == 0 for value in packed.values())


def test_no_targets(packer):
    row = _row(packer, _example(["I bake."], targets=()))
    assert row["target_ids"] == []
    assert row["knowledge_ids"] != []


def test_an_item_without_text_keeps_its_number(packer):
    row = _row(packer, _example(["I bake.", "", "a goose"]))
    assert set(row["knowledge_item"]) == {0, 2}


def test_a_reply_that_was_cut_does_not_learn_its_end(small):
    for words, learned in (("Yes.", REPLY_HEAD), ("Mind the goose, the bread and the barn!", 0)):
        row = _row(small, _example(targets=((words, "", "none"),)))
        end = row["target_labels"].index(ACTION)
        assert row["target_head"][end] == learned
        assert set(row["target_head"][:end]) == {REPLY_HEAD}


@pytest.mark.parametrize(("action", "emote"), [(True, False), (False, True), (False, False)])
def test_heads_without_labels_learn_nothing(tokenizer, action, emote):
    packer = Packer(tokenizer, SMALL, learn_action=action, learn_emote=emote)
    flat = strings([_example(targets=(("Yes.", "give", "wave"), ("Hm.", "", "none")))])
    packed = Packer.pack_tensors.python_function(packer, _tensors(flat))  # eagerly: a graph takes seconds to make
    row = {name: packed[name].flat_values.numpy().tolist() for name in FEATURES}
    heads = {REPLY_HEAD} | ({ACTION_HEAD} if action else set()) | ({EMOTE_HEAD} if emote else set())
    assert set(row["target_head"]) - {0} == heads
    markers = [i for i in row["target_ids"] if i < len(SPECIALS)]
    assert markers == ([REPLY, ACTION, EMOTE] if action or emote else [REPLY]) * 2
    assert row["target_labels"].count(ACTION) >= 2, "a reply's end is always learned"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("knowledge_kind"), "missing .*knowledge_kind"),
        (lambda f: f.update(knowledge_sort=f["knowledge_ids"]), "unknown .*knowledge_sort"),
        (
            lambda f: f.update(history_turn=f["history_turn"].astype(np.int64)),
            r"'history_turn': expected int32 \[B, H\]",
        ),
        (
            lambda f: f.update(target_ids=f["target_ids"][0]),
            r"'target_ids': expected int32 \[B, T\], got int32 \(\d+,\)",
        ),
    ],
)
def test_check_features_names_the_key(features, change, message):
    broken = dict(features)
    change(broken)
    with pytest.raises(ValueError, match=message):
        check_features(broken)


def test_eager_graph_and_saved_model_give_the_same_ids(packer, make_examples, tmp_path):
    hard = Episode(
        "hard",
        "demo",
        None,
        (Character("Зина"), Character("🐉", (Fact("\u2581 and \ue000"), Fact("<reply> <0x41>")))),
        (Turn(0, "a\nb\0c", emote=EMOTES[0]), Turn(1, "  d  ", action="")),
        (1,),
    )
    flat = strings([*make_examples(), *examples(hard, ExampleConfig())])
    tensors = _tensors(flat)
    raw = Packer.pack_tensors.python_function
    tf.saved_model.save(packer, str(tmp_path))
    ways = [packer.pack(flat), raw(packer, tensors), tf.saved_model.load(str(tmp_path)).pack_tensors(tensors)]
    for name in FEATURES:
        first, *others = [way[name].to_list() for way in ways]
        assert all(other == first for other in others), name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"item_tokens": 0}, "item_tokens must be a positive whole number, got 0"),
        ({"turn_tokens": 1.5}, "turn_tokens must be a positive whole number, got 1.5"),
        ({"turn_tokens": 128, "history_tokens": 163}, "history_tokens .163. must hold at least one turn.*164"),
    ],
)
def test_config_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        TextConfig(**fields)


def test_what_is_told_is_never_dropped_and_takes_no_room_from_what_was_said(small, tokenizer):
    items = [f"I fear {n}." for n in ("geese", "cats", "bread", "rain")]
    plain = _example(items, [(i % 2, f"turn {i}") for i in range(40)], [("Yes.", "", "none")])
    plain = dataclasses.replace(plain, targets=(dataclasses.replace(plain.targets[0], gold=(2,), gold_turns=(39,)),))
    told = lay_out(plain, ExampleConfig(knowledge_as_history=True))
    row, without = _row(small, told), _row(small, plain)
    kept = _parts(row, tokenizer, "history_turn", "history_ids")
    assert [kept[turn] for turn in (1, 2, 3, 4)] == [["<self>", item] for item in items]
    said = _parts(without, tokenizer, "history_turn", "history_ids")
    assert {turn: words for turn, words in kept.items() if turn > 4} == {t + 4: words for t, words in said.items() if t}
    assert len(kept) < 20, "old turns were dropped"
    assert row["knowledge_ids"] == []
    assert set(row["target_turn"]) == {turn + 4 for turn in without["target_turn"]} == {45}
    assert (row["gold_item"], row["gold_turn"]) == ([-1, -1], [3, 44])


def test_what_is_told_may_have_a_mark_that_nobody_can_type(small, tokenizer):
    """A worked example of ``[Gk] fact [Px] ... [Py] ...``; every vocabulary has the mark."""
    plain = _example(["I fear geese."], [(1, "<history>"), (0, "Hm.")], [("Yes.", "", "none")])
    row = _row(small, lay_out(plain, ExampleConfig(knowledge_as_history=True, knowledge_tags=True)))
    untagged = _row(small, lay_out(plain, ExampleConfig(knowledge_as_history=True)))
    assert _parts(row, tokenizer, "history_turn", "history_ids") == {
        0: ["<history>"],
        1: ["<history>", "I fear geese."],
        2: ["<partner>", "<history>"],
        3: ["<self>", "Hm."],
    }
    pairs = list(zip(row["history_ids"], untagged["history_ids"], strict=True))
    assert [pair for pair in pairs if pair[0] != pair[1]] == [(vocabulary.HISTORY, vocabulary.SELF)]
    assert row["history_ids"].count(vocabulary.HISTORY) == 2, "what was typed is text"
    rest = [name for name in row if name != "history_ids"]
    assert {name: row[name] for name in rest} == {name: untagged[name] for name in rest}
    with pytest.raises(ValueError, match="knowledge_tags marks turns that knowledge_as_history makes"):
        ExampleConfig(knowledge_tags=True)


def test_facts_are_written_between_marks(tokenizer, stating):
    """A worked example: what is stated, by turn, after the replies; nothing of them changes the rest."""
    learns = ExampleConfig(learn_facts=True)
    [example] = examples(stating, learns, with_asides=True, with_facts=True)
    packer = Packer(tokenizer, TextConfig(vocabulary_size=tokenizer.size), learn_facts=True)
    row = _row(packer, example)
    marks = fact_ids(tokenizer.size)
    assert packer.size == tokenizer.size + len(FACT_MARKS) == marks.end + 1
    names = {**dict(enumerate(SPECIALS)), **dict(enumerate(FACT_MARKS, tokenizer.size))}

    def told(part, index):
        ids = [i for i, at in zip(row[f"target_{part}"], row["target_index"], strict=True) if at == index]
        texts = [[names[i]] if i in names else [tokenizer.decode([i])] for i in ids]
        return " ".join(word for words in texts for word in words)

    def spelled(*texts):
        return [" ".join(tokenizer.decode([i]) for i in ids) for ids in tokenizer.encode(list(texts))]

    facts = {i: target for i, target in enumerate(example.targets) if target.task != "reply"}
    wanted = []
    for index, target in facts.items():
        begin = "<extract>" if target.task == "extract" else "<invent>"
        texts = spelled(*(fact.text for fact in target.facts))
        body = [part for fact, text in zip(target.facts, texts, strict=True) for part in (f"<{fact.owner}>", text)]
        assert told("ids", index) == " ".join([begin, *body])
        assert told("labels", index) == " ".join([*body, "<end>"])
        wanted.append((target.task, [f"{fact.owner}: {fact.text}" for fact in target.facts]))
    assert wanted == [
        ("extract", ["partner: I am a guard."]),
        ("extract", []),
        ("extract", []),
        ("extract", ["self: My cat is called Fig.", "world: The rake here is rusty."]),
        ("extract", []),
        ("invent", []),
        ("invent", []),
        ("invent", ["self: I live in Tarn."]),
        ("extract", []),
        ("invent", []),
        ("extract", ["partner: I am old."]),
        ("invent", ["self: I am nine."]),
    ]
    heads = {(index in facts, head) for index, head in zip(row["target_index"], row["target_head"], strict=True)}
    assert heads == {(True, FACTS_HEAD), (False, REPLY_HEAD), (False, ACTION_HEAD), (False, EMOTE_HEAD)}
    turns = dict(zip(row["target_index"], row["target_turn"], strict=True))
    assert [turns[i] for i in facts] == [2, 3, 4, 5, 6, 2, 4, 6, 4 + ASIDE, 4 + ASIDE, 6 + 2 * ASIDE, 6 + 2 * ASIDE]
    without = _row(packer, next(examples(stating, learns, with_asides=True)))
    count = len(without["target_ids"])
    for name, part in without.items():
        assert row[name][:count] == part if name.startswith("target") else row[name] == part, name
    plain = _row(Packer(tokenizer, packer.config), next(examples(stating, ExampleConfig(), with_asides=True)))
    assert plain == without


def test_a_packer_that_knows_no_facts_refuses_them(packer, stating):
    [example] = examples(stating, ExampleConfig(learn_facts=True), with_facts=True)
    with pytest.raises(ValueError, match="expected a Packer with learn_facts"):
        packer.pack(strings([example]))


def test_both_rooms_number_tasks_and_owners_alike():
    assert [TASKS.index(name) for name in ("extract", "invent")] == [vocabulary.EXTRACT_TASK, vocabulary.INVENT_TASK]
    assert len(OWNERS) == len(fact_ids(0).owners)
    assert fact_ids(9).owners[:2] == (vocabulary.SELF, vocabulary.PARTNER)
