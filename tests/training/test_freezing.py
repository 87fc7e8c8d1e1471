import pytest

from persona_tf.training.freezing import freeze


def _frozen(model):
    return {weight.path.split("/", 1)[1] for weight in model.weights if not weight.trainable}


def test_all_weights_of_a_room_are_frozen_and_no_others(make_model):
    model = make_model()
    freeze(model, ("encoder", "embedding/tokens"))
    encoder = {w.path.split("/", 1)[1] for w in model.weights if w.path.split("/")[1] == "encoder"}
    assert len(encoder) > 5
    assert _frozen(model) == encoder | {"embedding/tokens"}
    assert len(model.trainable_variables) == len(model.weights) - len(encoder) - 1


def test_by_default_nothing_is_frozen(make_model):
    model = make_model()
    freeze(model, ())
    assert _frozen(model) == set()


@pytest.mark.parametrize("room", ["encod", "decoder/no_such_layer", "", "encoder/"])
def test_a_room_that_is_not_there(make_model, room):
    model = make_model()
    if room == "encoder/":
        freeze(model, (room,))
        assert _frozen(model)
        return
    with pytest.raises(ValueError, match=r"the model has no .*; it has embedding, encoder, decoder, selector"):
        freeze(model, (room,))


def test_something_is_left_to_train(make_model):
    model = make_model()
    rooms = tuple(dict.fromkeys(weight.path.split("/")[1] for weight in model.weights))
    with pytest.raises(ValueError, match="are all weights; leave some to be trained"):
        freeze(model, rooms)


def test_training_leaves_frozen_weights_as_they_are(make_model, features, tiny_training):
    from persona_tf.training.optimizers import make_optimizer
    from persona_tf.training.tensorflow_step import TensorFlowStep

    model = make_model()
    freeze(model, ("encoder", "embedding"))
    before = {weight.path: weight.numpy() for weight in model.weights}
    step = TensorFlowStep(model, make_optimizer(tiny_training()), tiny_training())
    step._train(features)
    moved = {path.split("/")[1] for path, value in before.items() for w in [_weight(model, path)] if (w != value).any()}
    assert "decoder" in moved
    assert not moved & {"encoder", "embedding"}


def _weight(model, path):
    return next(weight.numpy() for weight in model.weights if weight.path == path)
