import dataclasses
import itertools
import types

import pytest

from persona_tf import config
from persona_tf.data.config import DataConfig
from persona_tf.episode import KEY_KINDS, SETTING_KINDS, Character, Episode, Turn
from persona_tf.example import EMOTE_LABELS, ExampleConfig
from persona_tf.model.config import ModelConfig
from persona_tf.training import experiment
from persona_tf.training.config import TrainConfig
from persona_tf.training.losses import HEADS


def _dialogue(name, turns=8):
    talk = tuple(Turn(i % 2, f"Word {i} of {name}.") for i in range(turns))
    return Episode(name, "demo", None, (Character("A"), Character("B")), talk)


@pytest.fixture
def settings(monkeypatch):
    """Fields of DataConfig and TrainConfig -> settings whose splits hold thirty dialogues of four examples each."""
    read = lambda source, split, data_dir, options: (_dialogue(f"{split}-{i:02}") for i in range(30))  # noqa: E731
    monkeypatch.setattr(experiment, "read_split", read)

    def make(validation_examples=0, **data):
        return types.SimpleNamespace(
            data=DataConfig("demo", **data),
            example=ExampleConfig(max_targets=2),
            train=TrainConfig(validation_examples=validation_examples),
        )

    return make


def _dialogues(examples):
    """How many examples of each dialogue there are, in order."""
    names = [example.id.rpartition(":")[0] for example in examples]
    return [(name, len(list(group))) for name, group in itertools.groupby(names)]


@pytest.mark.parametrize(("limit", "dialogues"), [(0, 30), (1, 1), (8, 2), (9, 3), (500, 30)])
def test_validation_takes_whole_dialogues(settings, tmp_path, limit, dialogues):
    found = _dialogues(experiment._valid_examples(settings(limit), tmp_path))
    assert [count for _, count in found] == [4] * dialogues
    assert len(dict(found)) == dialogues
    again = _dialogues(experiment._valid_examples(settings(limit), tmp_path))
    assert found == again
    every = _dialogues(experiment._valid_examples(settings(), tmp_path))
    assert found == every[:dialogues]
    assert every != sorted(every), "a choice, not the first ones"


def test_what_is_held_out_is_validated_on_and_not_trained_on(settings, tmp_path):
    made = settings(held_out=7)
    trained = [episode.id for episode in experiment.training_episodes(made, tmp_path)]
    valid = [name for name, _ in _dialogues(experiment._valid_examples(made, tmp_path))]
    assert sorted(valid) == [f"train-{i:02}" for i in (0, 7, 14, 21, 28)]
    assert sorted(trained + valid) == [f"train-{i:02}" for i in range(30)]
    assert next(experiment.validation_episodes(settings(), tmp_path)).id == "valid-00"


MIXED = (
    "DataConfig.others={'calm': {'source': 'convai2', 'teaches': ('action',), 'options': {'persona': 'self'}}}",
    "DataConfig.weights={'world': 0.75, 'calm': 0.25}",
)


def test_each_source_of_a_mixture_teaches_what_it_says():
    settings = config.load("quickstart", MIXED)
    own, calm = (experiment._of_part(settings, part) for part in settings.data.parts.values())
    assert (own.data.source, own.example) == ("world", settings.example)
    assert (calm.data.source, calm.data.options) == ("convai2", {"persona": "self"})
    learned = calm.example.learn_action, calm.example.learn_emote, calm.example.learn_facts
    assert learned == (True, False, False)


def test_an_unknown_source_is_named_before_anything_is_read(tmp_path):
    settings = config.load("quickstart", (MIXED[0].replace("convai2", "conv"), MIXED[1]))
    with pytest.raises(ValueError, match="unknown source 'conv'; choose from world, light"):
        experiment.make_vocabulary(settings, tmp_path, tmp_path / "vocabulary.model")


def test_the_vocabulary_knows_all_sources_by_their_shares(monkeypatch, tmp_path):
    read = lambda source, split, data_dir, options: (_dialogue(f"{source}-{i}", 2) for i in range(9))  # noqa: E731
    monkeypatch.setattr(experiment, "read_split", read)
    monkeypatch.setattr(experiment, "_VOCABULARY_EPISODES", 8)
    settings = config.load("quickstart", MIXED)
    found = [[example.id.partition("-")[0] for example in part] for part in _vocabulary(settings, tmp_path)]
    assert [sorted(set(names)) for names in found] == [["world"], ["convai2"]]
    assert len(found[0]) == 3 * len(found[1]) > 0


def _vocabulary(settings, tmp_path):
    return [list(part) for part in experiment._vocabulary_examples(settings, tmp_path)]


def test_the_sizes_that_labels_decide_are_filled_in():
    settings = types.SimpleNamespace(
        model=ModelConfig(kinds=3, emotes=2), example=ExampleConfig(), data=DataConfig("world"), train=TrainConfig()
    )
    made = experiment.model_config(settings, 77)
    assert (made.vocabulary_size, made.kinds, made.emotes) == (77, len(KEY_KINDS), len(EMOTE_LABELS))
    assert [KEY_KINDS[kind - 1] for kind in made.place_kinds] == list(SETTING_KINDS)
    assert made.loss_heads == 0
    settings.example, settings.train = ExampleConfig(emotes=("joy", "fear")), TrainConfig(learned_weights=True)
    made = experiment.model_config(settings, 77)
    assert (made.emotes, made.loss_heads) == (3, len(HEADS))


def test_rare_emotes_count_more_where_they_are_balanced(corpus, cast):
    settings = types.SimpleNamespace(example=ExampleConfig(), train=TrainConfig(emote_balance=1.0))
    weights = experiment._emote_weights(settings, [corpus])
    shown = [target.emote for example in cast for target in example.targets]
    for label, weight in zip(EMOTE_LABELS, weights, strict=True):
        mean = len(shown) / len(set(shown))
        assert weight == pytest.approx(mean / shown.count(label) if label in shown else 1.0)
    settings.train = TrainConfig()
    assert experiment._emote_weights(settings, [corpus]) == ()


@pytest.mark.parametrize(("precision", "half"), [("float32", False), ("mixed_bfloat16", True)])
def test_muon_takes_half_precision_where_the_model_does(make_model, precision, half):
    settings = types.SimpleNamespace(train=TrainConfig(optimizer="muon"))
    assert experiment._optimizer(settings, make_model(precision=precision)).half is half


def test_the_default_number_of_kinds_is_that_of_the_kinds():
    defaults = {field.name: field.default for field in dataclasses.fields(ModelConfig)}
    assert (defaults["kinds"], defaults["emotes"]) == (len(KEY_KINDS), len(EMOTE_LABELS))
    assert [KEY_KINDS[kind - 1] for kind in defaults["place_kinds"]] == list(SETTING_KINDS)


def test_facts_have_ids_of_their_own_and_need_data_that_state_them():
    learns, states = ExampleConfig(learn_facts=True), DataConfig("world", options={"states": True})
    settings = types.SimpleNamespace(model=ModelConfig(), example=learns, data=states, train=TrainConfig())
    made = experiment.model_config(settings, 77)
    assert (made.vocabulary_size, made.fact_marks) == (77 + 4, 4)
    settings.data = DataConfig("world")
    with pytest.raises(ValueError, match='add "states": True to'):
        experiment.model_config(settings, 77)
    mixed = {"others": {"b": {"source": "world"}}, "weights": {"world": 0.5, "b": 0.5}}
    settings.data = dataclasses.replace(states, **mixed)
    with pytest.raises(ValueError, match='or leave "facts" out of what a source teaches'):
        experiment.model_config(settings, 77)
    mixed["others"]["b"]["teaches"] = ("action", "emote")
    settings.data = dataclasses.replace(states, **mixed)
    assert experiment.model_config(settings, 77).fact_marks == 4
    settings.data, settings.model = states, ModelConfig(history="whole")
    settings.example = dataclasses.replace(learns, max_targets=1)
    with pytest.raises(ValueError, match="take 'causal' or 'apart'"):
        experiment.model_config(settings, 77)


def test_select_needs_items_to_select_from():
    model, example = ModelConfig(fusion="select"), ExampleConfig(knowledge_as_history=True)
    settings = types.SimpleNamespace(model=model, example=example, data=DataConfig("world"), train=TrainConfig())
    with pytest.raises(ValueError, match="knowledge_as_history leaves no item: take 'soft' or 'concat'"):
        experiment.model_config(settings, 77)
    settings.model = ModelConfig(fusion="soft")
    assert experiment.model_config(settings, 77).fusion == "soft"
