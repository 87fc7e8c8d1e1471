import numpy as np
import pytest

from persona_tf.data.corpus import pack_corpus
from persona_tf.example import TOLD
from persona_tf.model import likelihood
from persona_tf.training.config import TrainConfig
from persona_tf.training.loop import head_metrics
from persona_tf.training.losses import HEADS, gold_share, head_sums, learning_rate, total_loss, uniform_sums
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep


@pytest.fixture(scope="module")
def outputs(make_model, features):
    return make_model(fusion="select")(features)


@pytest.fixture(scope="module")
def sums(outputs, features):
    return {head: [float(value) for value in parts] for head, parts in head_sums(outputs, features).items()}


def _log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return (
        logits
        - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - logits.max(-1, keepdims=True)
    )


def test_labels_are_counted_and_padding_is_not(sums, cast, tokenizer, features):
    targets = [target for example in cast for target in example.targets]
    words = tokenizer.tokenize([target.reply for target in targets]).row_lengths().numpy()
    actions = tokenizer.tokenize([target.action for target in targets]).row_lengths().numpy()
    assert sums["reply"][1] == words.sum() + len(targets), "each word and each end"
    assert sums["action"][1] == actions.sum() + len(targets)
    assert sums["emote"][1] == len(targets)
    assert sums["knowledge"][1] == sum(bool(target.grounding) for target in targets)
    value = tokenizer.tokenize([target.probe.value for target in targets if target.probe])
    assert sums["pointer"][1] == value.row_lengths().numpy().sum() > 0
    assert sums["reply"][1] < features["target_ids"].size / 2, "there is padding that might have been counted"


def test_sums_against_a_reference(outputs, sums, features):
    nats = likelihood.nats(outputs, features)
    for head, number, values in (("reply", 1, nats.token), ("action", 2, nats.token), ("emote", 3, nats.emote)):
        where = features["target_head"] == number
        assert sums[head][0] == pytest.approx(np.asarray(values, np.float64)[where].sum(), rel=1e-5)
    assert sums["knowledge"][0] == pytest.approx(np.asarray(nats.knowledge, np.float64).sum(), rel=1e-5)
    pointer = np.asarray(nats.pointer, np.float64)[features["target_value"] == 1]
    assert sums["pointer"][0] == pytest.approx(pointer.sum(), rel=1e-5)
    assert sums["pointer"][2] == (pointer < np.log(2)).sum()


def test_a_value_that_is_copied_for_sure_is_counted(outputs, sums, features):
    labels = features["target_labels"][:, :, None]
    places = likelihood._gold(outputs, features, whole=True).numpy() & (outputs.memory.ids.numpy()[:, None] == labels)
    attention = places / np.maximum(places.sum(-1, keepdims=True), 1)
    sure = outputs._replace(
        copy_attention=attention.astype(np.float32), copy_gate=np.full_like(labels[..., 0], 99.0, "f")
    )
    nats, count, right = (float(value) for value in head_sums(sure, features)["pointer"])
    assert nats == pytest.approx(0, abs=1e-5)
    assert right == count == sums["pointer"][1]


def test_right_guesses_are_counted(outputs, sums, features):
    for head, number, logits in (
        ("reply", 1, outputs.vocabulary_logits),
        ("action", 2, outputs.vocabulary_logits),
        ("emote", 3, outputs.emote_logits),
    ):
        right = (np.asarray(logits).argmax(-1) == features["target_labels"]) & (features["target_head"] == number)
        assert sums[head][2] == right.sum()
    assert 0 <= sums["knowledge"][2] <= sums["knowledge"][1]


def test_sums_add_up_over_any_batches(make_model, corpus, sums):
    model = make_model(fusion="select")
    total = {head: np.zeros(3) for head in HEADS}
    for rows in ([0, 5], [3], [1, 2, 4]):
        batch = corpus.rows(np.array(rows))
        for head, parts in head_sums(model(batch), batch).items():
            total[head] += [float(value) for value in parts]
    for head in HEADS:
        np.testing.assert_allclose(total[head], sums[head], rtol=1e-4)


def test_a_model_that_knows_nothing_has_the_perplexity_of_the_vocabulary(make_model, features, tokenizer):
    model = make_model(copy_head=False)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    sums = {head: [float(v) for v in parts] for head, parts in head_sums(model(features), features).items()}
    metrics = head_metrics(sums)
    assert np.exp(metrics["reply_loss"]) == pytest.approx(tokenizer.size, rel=1e-4)
    assert np.exp(metrics["action_loss"]) == pytest.approx(tokenizer.size, rel=1e-4)
    assert np.exp(metrics["emote_loss"]) == pytest.approx(23, rel=1e-4)


def test_head_metrics():
    sums = {"reply": [6.0, 3.0, 1.0], "action": [0.0, 0.0, 0.0], "emote": [1.0, 4.0, 4.0]}
    assert head_metrics(sums) == {
        "reply_loss": 2.0,
        "reply_accuracy": pytest.approx(1 / 3),
        "emote_loss": 0.25,
        "emote_accuracy": 1.0,
    }


WEIGHTS = {
    "reply_weight": 1.0,
    "action_weight": 0.5,
    "emote_weight": 0.25,
    "knowledge_weight": 2.0,
    "pointer_weight": 0.7,
    "facts_weight": 0.3,
}


def _mean(parts):
    """Nats a label; 0 where a batch has none."""
    return parts[0] / max(parts[1], 1)


def test_total_loss_is_the_weighted_sum_of_nats_per_label(outputs, sums, features):
    found = total_loss(head_sums(outputs, features), {}, TrainConfig(**WEIGHTS))
    wanted = sum(WEIGHTS[f"{head}_weight"] * _mean(sums[head]) for head in HEADS)
    assert float(found) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_weight_of_zero_leaves_a_head_out(outputs, sums, features, head):
    weights = {f"{other}_weight": float(other == head) for other in HEADS}
    found = total_loss(head_sums(outputs, features), {}, TrainConfig(**weights))
    assert float(found) == pytest.approx(_mean(sums[head]), rel=1e-5)


def test_label_smoothing_acts_on_words_only(outputs, sums, features):
    config = TrainConfig(**WEIGHTS, label_smoothing=0.1)
    found = total_loss(head_sums(outputs, features), uniform_sums(outputs, features), config)
    uniform = -_log_softmax(outputs.vocabulary_logits).mean(-1)
    wanted = 0.0
    for head in HEADS:
        mean = _mean(sums[head])
        if head in ("reply", "action"):
            number = 1 if head == "reply" else 2
            mean = 0.9 * mean + 0.1 * uniform[features["target_head"] == number].mean()
        wanted += WEIGHTS[f"{head}_weight"] * mean
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_balanced_emotes_count_as_their_class_says(outputs, sums, features):
    where = features["target_head"] == 3
    weights = np.linspace(0.5, 2, outputs.emote_logits.shape[-1])
    found = head_sums(outputs, features, weights.tolist())
    of_turns = weights[features["target_labels"][where]]
    nats = np.asarray(likelihood.nats(outputs, features).emote, np.float64)[where]
    balanced = [float(value) for value in found["balanced_emote"]]
    assert balanced[:2] == pytest.approx([(of_turns * nats).sum(), len(nats)], rel=1e-5)
    assert [float(value) for value in found["emote"]] == sums["emote"], "what is reported is not changed"


def test_learned_weights_against_the_paper(outputs, sums, features):
    """At their best, s = log(2 nats) for each head; beyond 4 they go no further."""
    config, s = TrainConfig(**WEIGHTS), np.array([0.5, -1.0, 0.0, 2.0, -9.0, 1.0], np.float32)
    found = total_loss(head_sums(outputs, features), {}, config, log_variances=s)
    wanted = 0.0
    for head, value in zip(HEADS, np.clip(s, -4, 4), strict=True):
        if sums[head][1]:
            wanted += WEIGHTS[f"{head}_weight"] * (np.exp(-value) * _mean(sums[head]) + value / 2)
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_the_learned_weights_are_learned(make_model, features, tiny_training):
    """A head that is hard comes to count less than one that is easy; one without labels stays."""
    config = tiny_training(learned_weights=True, optimizer="adamw", warmup_steps=1, learning_rate=0.1, steps=30)
    model = make_model(loss_heads=len(HEADS))
    step = TensorFlowStep(model, make_optimizer(config), config)
    for _ in range(10):
        step.train(features)
    learned = dict(zip(HEADS, model.log_variances.numpy(), strict=True))
    assert learned["facts"] == 0
    assert learned["reply"] > 0.1


def test_a_batch_without_labels_of_a_head_has_a_finite_loss(make_model, corpus):
    batch = corpus.rows(np.array([4]))
    batch["target_head"] = np.where(batch["target_head"] == 1, 1, 0).astype(np.int32)
    batch["gold_target"] = np.full_like(batch["gold_target"], -1)
    batch["target_value"] = np.zeros_like(batch["target_value"])
    outputs = make_model()(batch)
    sums = head_sums(outputs, batch)
    assert [float(sums[head][1]) for head in ("action", "emote", "knowledge", "pointer")] == [0] * 4
    loss = float(total_loss(sums, {}, TrainConfig(**WEIGHTS)))
    assert loss == pytest.approx(float(sums["reply"][0]) / float(sums["reply"][1]), rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("cosine", 0, 0.01),
        ("cosine", 49, 0.5),
        ("cosine", 99, 1.0),
        ("cosine", 549, 0.01 + 0.99 * 0.5),
        ("cosine", 999, 0.01),
        ("cosine", 5000, 0.01),
        ("inverse_sqrt", 0, 0.01),
        ("inverse_sqrt", 99, 1.0),
        ("inverse_sqrt", 399, 0.5),
        ("inverse_sqrt", 9999, 0.1),
        ("constant", 0, 0.01),
        ("constant", 99, 1.0),
        ("constant", 999, 1.0),
    ],
)
def test_learning_rate(schedule, step, factor):
    config = TrainConfig(steps=1000, warmup_steps=100, schedule=schedule, learning_rate=4.0)
    assert float(learning_rate(step, config)) == pytest.approx(4.0 * factor, rel=1e-4)


@pytest.mark.parametrize("schedule", ["cosine", "inverse_sqrt", "constant"])
def test_learning_rate_without_warm_up_begins_at_the_top(schedule):
    config = TrainConfig(steps=1000, warmup_steps=0, schedule=schedule, learning_rate=1.0)
    assert float(learning_rate(0, config)) == pytest.approx(1.0, rel=1e-3)


def test_the_share_of_gold_changes_evenly():
    config = TrainConfig(steps=101, gold_share=0.9, gold_share_at_end=0.1)
    assert [round(float(gold_share(step, config)), 3) for step in (0, 50, 100, 200)] == [0.9, 0.5, 0.1, 0.1]
    assert gold_share(7, TrainConfig()) is True


def test_what_is_decayed(make_model):
    optimizer = make_optimizer(TrainConfig())
    model = make_model()
    optimizer.build(model.trainable_variables)
    decayed = {w.path.split("/")[-1] for w in model.trainable_variables if optimizer._use_weight_decay(w)}
    assert decayed == {"kernel"}


def test_what_is_told_in_the_history_is_learned_to_be_needed_and_copied(make_model, make_examples, packer, sums, cast):
    """As many labels as where it is known apart, and their gold is where the same words stand."""
    told = make_examples(knowledge_as_history=True)
    batch = pack_corpus(told, packer).rows(np.arange(len(told)))
    outputs = make_model(fusion="soft")(batch)
    found = head_sums(outputs, batch)
    assert {head: float(parts[1]) for head, parts in found.items()} == {head: parts[1] for head, parts in sums.items()}
    assert float(found["pointer"][0]) > 0
    assert float(found["knowledge"][0]) > 0
    gold = np.asarray(likelihood._gold(outputs, batch, whole=True))
    ids = np.asarray(outputs.memory.ids)
    checked = 0
    for row, plain in enumerate(cast):
        for number, target in enumerate(plain.targets):
            at = np.flatnonzero((batch["target_index"][row] == number) & (batch["target_ids"][row] != 0))[0]
            wanted = sorted(TOLD[plain.items[i].kind].format(plain.items[i].text) for i in target.gold)
            wanted += sorted(turn.speech for turn in plain.history if turn.turn in target.gold_turns and turn.speech)
            words = packer.tokenizer.decode(ids[row][gold[row, at]].tolist())
            assert all(text in words for text in wanted)
            checked += len(wanted)
    assert checked == 8
