import numpy as np

from persona_tf.example import EMOTE_LABELS
from persona_tf.export.scoring_model import ScoringModel
from persona_tf.model import likelihood
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text.vocabulary import EMOTE


def test_scores_are_those_of_the_model(shaken, features, cast):
    model = shaken(0.5, fusion="soft")
    scores = ScoringModel(model).score(features)
    outputs = model(features)
    real = features["target_ids"] != 0
    nats = np.asarray(likelihood.nats(outputs, features).token)
    np.testing.assert_allclose(scores["nats"][real], nats[real], atol=1e-3)
    stops = -np.asarray(next_token_log_probs(outputs))[..., EMOTE]
    np.testing.assert_allclose(scores["stop_nats"][real], stops[real], atol=1e-2)
    np.testing.assert_allclose(scores["emote_logits"][real], np.asarray(outputs.emote_logits)[real], atol=1e-3)
    assert scores["emote_logits"].shape[-1] == len(EMOTE_LABELS)
    for row, example in enumerate(cast):
        items, turns = scores["item"][row][real[row]], scores["turn"][row][real[row]]
        assert ((items >= -1) & (items < len(example.items))).all()
        assert ((turns == 0) | (items == -1)).all()
        assert (turns < features["target_turn"][row][real[row]]).all()
