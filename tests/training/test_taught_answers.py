import dataclasses
import itertools
import types

import pytest

from persona_tf.episode import KEY_KINDS
from persona_tf.example import Example, ExampleConfig, HistoryTurn, Item, Target
from persona_tf.learner import examples
from persona_tf.training import taught_answers
from persona_tf.training.taught_answers import answered_by


class Echo:
    """Answers with what it hears, and counts how often it is made and asked."""

    def __init__(self, cut=False, fails_at=None):
        self.made, self.asked, self.cut, self.fails_at = 0, 0, cut, fails_at

    def __call__(self):
        self.made += 1
        return self.answer

    def answer(self, some):
        self.asked += 1
        if self.asked == self.fails_at:
            raise KeyboardInterrupt
        return [[self._of(example, target) for target in example.targets] for example in some]

    def _of(self, example, target):
        heard = [turn.speech for turn in example.history if turn.turn < target.turn]
        assert not any(turn.aside for turn in example.history)
        return types.SimpleNamespace(reply=" | ".join(heard), action="nod", emote="", cut=self.cut)


def _example(name):
    talk = ((1, "Hello."), (0, "Hi."), (1, "Who?"))
    history = tuple(HistoryTurn(who, number, text, "", "") for number, (who, text) in enumerate(talk))
    asides = tuple(HistoryTurn(1, at, text, "", "", aside) for at, text, aside in ((2, "What?", 1), (0, "Where?", 2)))
    targets = (
        Target(1, "a", emote="smile"),
        Target(3, "b"),
        Target(3, "c", aside=1),
        Target(1, "d", aside=2),
        Target(1, "", task="extract"),
    )
    return Example(name, (Item("persona/0", "persona", "I bake."),), history + asides, targets)


def _replies(example):
    return [target.reply for target in example.targets]


def test_each_target_is_answered_with_what_it_hears(tmp_path):
    teacher = Echo()
    [found] = answered_by([_example("e")], 1.0, teacher, "t", tmp_path / "taught")
    assert _replies(found) == ["Hello.", "Hello. | Hi. | Who?", "Hello. | Hi. | What?", "Where?", ""]
    assert [(t.action, t.emote) for t in found.targets[:4]] == [("nod", "none")] * 4
    assert dataclasses.replace(found, targets=()) == dataclasses.replace(_example("e"), targets=())
    assert found.targets[4] == _example("e").targets[4], "facts are the data's"


def test_an_answer_without_an_end_is_left_to_the_data(tmp_path):
    [found] = answered_by([_example("e")], 1.0, Echo(cut=True), "t", tmp_path / "taught")
    assert found == _example("e")


def test_what_asides_are_shown_is_what_training_shows_them(stating):
    """As an example of its own, which `max_targets` 1 makes of an aside."""
    kinds = {"kinds": KEY_KINDS}
    [shared] = examples(stating, ExampleConfig(**kinds), with_asides=True)
    alone = list(examples(stating, ExampleConfig(max_targets=1, **kinds), with_asides=True))
    made = [taught_answers._as_the_end(shared, aside) for aside in (1, 2)]
    wanted = {example.targets[0].reply: example.history for example in alone}
    for example in made:
        assert example.history == wanted[example.targets[0].reply]


def test_the_share_is_kept_and_the_same_each_time(tmp_path):
    many = [_example(f"e{i}") for i in range(300)]
    found = list(answered_by(many, 0.25, Echo(), "t", tmp_path / "taught"))
    assert [example.id for example in found] == [example.id for example in many]
    written = sum(a != b for a, b in zip(found, many, strict=True))
    assert 50 < written < 100
    assert list(answered_by(many, 0.25, Echo(), "t", tmp_path / "taught")) == found


def test_it_goes_on_where_it_was_stopped(tmp_path):
    many = [_example(f"e{i}") for i in range(3 * taught_answers.CHUNK - 5)]
    stopped = Echo(fails_at=3 * 2 + 2)
    with pytest.raises(KeyboardInterrupt):
        list(answered_by(many, 1.0, stopped, "t", tmp_path / "taught"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taught_000000.json", "taught_000001.json"]
    second, whole = Echo(), Echo()
    found = list(answered_by(many, 1.0, second, "t", tmp_path / "taught"))
    assert second.asked == 3, "one chunk was left: aloud, and two asides"
    assert found == list(answered_by(many, 1.0, whole, "t", tmp_path / "again"))
    idle = Echo()
    assert found == list(answered_by(many, 1.0, idle, "t", tmp_path / "taught"))
    assert idle.made == 0


@pytest.mark.parametrize("change", ["teacher", "examples", "file"])
def test_what_is_not_of_these_is_written_anew(tmp_path, change):
    many, stem = [_example("e")], tmp_path / "taught"
    list(answered_by(many, 1.0, Echo(cut=True), "t", stem))
    if change == "file":
        next(tmp_path.iterdir()).write_text("{")
    if change == "examples":
        many = [dataclasses.replace(many[0], items=())]
    [found] = answered_by(many, 1.0, Echo(), "other" if change == "teacher" else "t", stem)
    assert _replies(found)[0] == "Hello."


def test_nothing_is_read_ahead(tmp_path):
    endless = (_example(f"e{i}") for i in itertools.count())
    assert next(answered_by(endless, 0.0, Echo(), "t", tmp_path / "taught")) == _example("e0")


@pytest.mark.slow
def test_a_bot_says_aside_what_it_says_aloud(stating, bundle_dir, tmp_path):
    """Its answers are those that it gives where each target has an example of its own."""
    from persona_tf.verbs.training import _open_teacher

    teacher, kinds = _open_teacher(bundle_dir), {"kinds": KEY_KINDS}
    [shared] = examples(stating, ExampleConfig(**kinds), with_asides=True)
    alone = list(examples(stating, ExampleConfig(max_targets=1, **kinds), with_asides=True))
    never_cut = lambda: lambda some: [[dataclasses.replace(a, cut=False) for a in row] for row in answer(some)]  # noqa: E731
    answer = teacher.answer()
    [found] = answered_by([shared], 1.0, never_cut, "t", tmp_path / "taught")
    said = [[(one.reply, one.action)] for [one] in answer(alone)]
    places = {example.targets[0].reply: place for place, example in enumerate(alone)}
    assert len(found.targets) == len(alone) == 5
    for target, new in zip(shared.targets, found.targets, strict=True):
        assert said[places[target.reply]] == [(new.reply, new.action)]
    assert teacher.sizes == teacher.load().config
