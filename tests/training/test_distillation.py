"""Learning beside a teacher. Functions run without graphs here, which take long to make."""

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.training.checkpoint import named_variables
from persona_tf.training.distill_config import DistillConfig
from persona_tf.training.distillation import HIDDEN, SOFT, Student, distill_objective, hear, hidden_sums, soft_sums
from persona_tf.training.losses import HEADS, head_sums
from persona_tf.training.objective import reply_objective
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep

TEACHER = {"fusion": "soft", "encoder_layers": 2, "decoder_layers": 3, "width": 24, "scale": 0.5}
DISTILL = DistillConfig("there", temperature=2.0, soft_weight=0.7, hidden_weight=0.4, gold_weight=0.6)


@pytest.fixture(autouse=True)
def _eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def teacher(shaken):
    return shaken(**TEACHER)


@pytest.fixture(scope="module")
def few(corpus):
    """Two rows of the cast."""
    return corpus.rows(np.array([1, 4]))


@pytest.fixture
def make_step(make_model, teacher, tiny_training):
    """DistillConfig and TrainConfig -> a step of a new student."""

    def make(distill=DISTILL, taught_by=teacher, dropout=0.0, **fields):
        fields = {"optimizer": "adamw", "knowledge_weight": 0.3, "label_smoothing": 0.0, **fields}
        config = tiny_training(**fields)
        loss_heads = len(HEADS) if config.learned_weights else 0
        bot = make_model(fusion="soft", dropout=dropout, loss_heads=loss_heads)
        student = Student(bot, taught_by.config.width if distill.hidden_weight else 0)
        student.build()
        return TensorFlowStep(student, make_optimizer(config), config, distill_objective(config, distill, taught_by))

    return make


def _floats(sums):
    return {name: [float(value) for value in parts] for name, parts in sums.items()}


def _log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def _kl(student, teacher, temperature):
    own, given = _log_softmax(np.asarray(student) / temperature), _log_softmax(np.asarray(teacher) / temperature)
    return (np.exp(given) * (given - own)).sum(-1)


def _choices(outputs):
    """All words and all places that are copied, as the paper of the copy head has it."""
    gate = 1 / (1 + np.exp(-np.asarray(outputs.copy_gate, np.float64)))[..., None]
    words = (1 - gate) * np.exp(_log_softmax(outputs.vocabulary_logits))
    return np.concatenate([words, gate * np.asarray(outputs.copy_attention, np.float64)], -1)


def test_the_soft_targets_against_a_reference(make_model, teacher, features):
    own, given = make_model(fusion="soft")(features), teacher(features)
    found, temperature = _floats(soft_sums(own, given, features, 2.5)), 2.5
    both = [np.log(_choices(outputs) + 1e-20) for outputs in (own, given)]
    np.testing.assert_allclose(np.exp(both[0]).sum(-1), 1, rtol=1e-5)
    words, head = _kl(*both, temperature), features["target_head"]
    for name, number in (("soft_reply", 1), ("soft_action", 2)):
        assert found[name][0] == pytest.approx(words[head == number].sum(), rel=1e-4)
        same = both[0].argmax(-1) == both[1].argmax(-1)
        assert found[name][1:] == [(head == number).sum(), same[head == number].sum()]
    emotes = _kl(own.emote_logits, given.emote_logits, temperature)[head == 3]
    assert found["soft_emote"][:2] == pytest.approx([emotes.sum(), len(emotes)], rel=1e-4)
    assert found["soft_facts"] == [0, 0, 0]
    begins, total = (features["target_position"] == 0) & (head == 1), 0.0
    for row, place in zip(*np.nonzero(begins), strict=True):
        seen = np.asarray(own.memory.first)[row] & (np.asarray(own.source_log_probs)[row, place] > -1e8)
        total += _kl(*(o.source_log_probs.numpy()[row, place][seen] for o in (own, given)), temperature)
    assert found["soft_knowledge"][:2] == pytest.approx([total, begins.sum()], rel=1e-4)
    assert begins.sum() > float(head_sums(own, features)["knowledge"][1]) > 0, "also where the data know none"


def test_the_hidden_states_against_a_reference(make_model, teacher, features):
    bot = make_model(fusion="soft", decoder_layers=2)
    student = Student(bot, 24)
    student.build()
    own, given = hear(bot, features), hear(teacher, features)
    sizes = {what: len(states) for what, states in given.states.items()}
    assert sizes == {"knowledge": 2, "history": 2, "target": 3}
    total, tokens = 0.0, 0
    for what, stack, pairs in (
        ("knowledge", "encoder", [(0, 1)]),
        ("history", "encoder", [(0, 1)]),
        ("target", "decoder", [(0, 0), (1, 2)]),
    ):
        mask = features[f"{what}_ids"] != 0
        tokens += mask.sum()
        for layer, theirs in pairs:
            x, y = (_normalised(states[what][i]) for states, i in ((own.states, layer), (given.states, theirs)))
            kernel, bias = (weight.numpy() for weight in student.maps[stack][layer].weights)
            total += (((x @ kernel + bias - y) ** 2).mean(-1))[mask].sum() / len(pairs)
    found = [float(value) for value in hidden_sums(student.maps, own.states, given.states, features)]
    assert found == pytest.approx([total, tokens, tokens - total], rel=1e-4)


def _normalised(state):
    state = np.asarray(state, np.float64)
    return (state - state.mean(-1, keepdims=True)) / np.sqrt(state.var(-1, keepdims=True) + 1e-6)


@pytest.mark.parametrize("fusion", ["soft", "select", "average"])
def test_a_student_that_is_its_teacher_has_nothing_to_learn(shaken, features, fusion):
    same = shaken(fusion=fusion, copy_head=fusion != "average")(features)
    for total, count, right in _floats(soft_sums(same, same, features, 3.0)).values():
        assert total == pytest.approx(0, abs=1e-4)
        assert count == right


def test_states_that_a_map_gives_have_no_error(shaken, features):
    model = shaken(fusion="soft")
    heard, student = hear(model, features), Student(model, 16)
    student.build()
    for several in student.maps.values():
        for one in several:
            one.kernel.assign(np.eye(16))
    total, count, explained = (float(v) for v in hidden_sums(student.maps, heard.states, heard.states, features))
    assert (total, explained) == (pytest.approx(0, abs=1e-3), pytest.approx(count))


def test_what_is_noted_changes_nothing_and_is_what_the_layers_say(teacher, features):
    heard, plain = hear(teacher, features), teacher(features)
    np.testing.assert_array_equal(heard.outputs.vocabulary_logits, plain.vocabulary_logits)
    read = np.concatenate([teacher.encoder.norm(heard.states[what][-1]) for what in ("knowledge", "history")], 1)
    np.testing.assert_allclose(read, plain.memory.states, rtol=1e-5)


def test_the_loss_is_the_sum_of_its_parts(make_step, few):
    step = make_step(learning_rate=0.0, weight_decay=0.0)
    result = _numbers(step.train(few))
    plain = make_step(DistillConfig("there", soft_weight=0, hidden_weight=0, gold_weight=1.0), learning_rate=0.0)
    wanted = 0.6 * _numbers(plain.train(few))["loss"]
    weights = reply_objective(step.config).weights
    for name, head in SOFT.items():
        if weights[head] and name in result:
            wanted += 0.7 * 2.0**2 * weights[head] * result[name][0] / max(result[name][1], 1)
    wanted += 0.4 * result[HIDDEN][0] / result[HIDDEN][1]
    assert result["loss"] == pytest.approx(wanted, rel=1e-4)


def _numbers(result):
    return {name: np.array(value, np.float64) for name, value in result.items()}


def test_the_teacher_is_neither_moved_nor_reached(make_step, teacher, few):
    step, before = make_step(), [variable.numpy() for variable in teacher.variables]
    with tf.GradientTape() as tape:
        loss, _ = step.objective.train(step.model, few, 0)
    variables = [variable.value for variable in teacher.trainable_variables]
    gradients = tape.gradient(loss, [*variables, *(v.value for v in step.model.trainable_variables)])
    assert all(gradient is None for gradient in gradients[: len(variables)])
    assert any(gradient is not None for gradient in gradients[len(variables) :])
    step.train(few)
    for variable, value in zip(teacher.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    kept = {id(variable) for variable in named_variables(step.model, step.optimizer).values()}
    assert not kept & {id(variable) for variable in teacher.variables}


def test_checkpoints_hold_the_maps_and_the_bot_by_its_own_names(make_step, make_model):
    step = make_step()
    bot = {f"model/{weight.path}": weight.shape for weight in make_model(fusion="soft").weights}
    found = {name: v.shape for name, v in named_variables(step.model).items() if name.startswith("model/")}
    assert bot.items() < found.items()
    assert sorted(found.keys() - bot.keys()) == [
        f"model/student/{stack}_map_0/{part}" for stack in ("decoder", "encoder") for part in ("bias", "kernel")
    ]
    assert not any("map" in weight.path for weight in step.model.bot.weights), "so that no bundle has them"


def test_several_batches_are_one_large_one(make_step, corpus):
    whole, several = make_step(), make_step()
    parts = [np.array(rows) for rows in ([0, 5, 3], [4], [1, 2])]
    wanted = _numbers(whole.train(corpus.rows(np.concatenate(parts))))
    result = several.train(*map(corpus.rows, parts))
    apart = result.pop("parts")
    assert {*SOFT, HIDDEN} - {"soft_facts"} <= set(apart[0])
    for name, value in _numbers(result).items():
        np.testing.assert_allclose(value, wanted[name], rtol=2e-3, err_msg=name)


def test_it_comes_to_say_what_its_teacher_says(make_step, few):
    """Without gold: what the student learns, it has from the teacher."""
    distill = DistillConfig("there", soft_weight=1.0, hidden_weight=1.0, gold_weight=0.0)
    step = make_step(distill, learning_rate=0.03, warmup_steps=1, steps=60, schedule="constant")
    first = _numbers(step.score(few))
    for _ in range(6):
        step.train(few)
    last = _numbers(step.score(few))
    for name in ("soft_reply", "soft_action", "soft_emote", "soft_knowledge", HIDDEN):
        assert last[name][0] < 0.9 * first[name][0], name


def test_learned_weights_weigh_gold_alone(make_step, few):
    step = make_step(learned_weights=True)
    assert np.isfinite(float(step.train(few)["loss"]))
    assert np.abs(step.model.bot.log_variances.numpy()).max() > 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"soft_weight": -1.0}, "soft_weight must not be negative"),
        ({"soft_weight": 0.0, "gold_weight": 0.0}, "both 0: nothing would teach the student what to say"),
        ({"written_share": 1.5}, r"written_share must lie in \[0, 1\], got 1.5"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        DistillConfig("there", **fields)


def test_without_a_teacher_nobody_accompanies_or_writes():
    assert not DistillConfig(written_share=0.5).accompanies
    assert not DistillConfig(written_share=0.5).writes
    assert not DistillConfig("there", soft_weight=0.0, hidden_weight=0.0, gold_weight=1.0).accompanies
