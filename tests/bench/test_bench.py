import numpy as np
import pytest

from persona_tf.bench import bench, reproducible
from persona_tf.bench.models import random_features
from persona_tf.bench.timing import alternate
from persona_tf.bench.training import padded_batches
from persona_tf.text.features import FEATURES, check_features


def test_ways_take_turns():
    calls = []
    seconds = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2, warm_up=1)
    assert calls == ["a", "b"] * 3
    assert set(seconds) == {"a", "b"}
    assert all(s >= 0 for s in seconds.values())


def test_an_unknown_benchmark_lists_the_others():
    with pytest.raises(ValueError, match=r"no benchmark .speed.; there are training, padding, reply, "):
        bench.main(["speed"])


def test_random_features_are_features_without_padding():
    features = random_features(2, 32, 48, 8)
    check_features(features)
    assert all((features[f"{field}_ids"] > 0).all() for field in ("knowledge", "history", "target"))


def test_fixed_padding_holds_the_same_tokens(corpus):
    batches = list(padded_batches(corpus, 100_000))
    assert batches
    for batch in batches:
        check_features(batch)
        plain = corpus.rows(np.arange(len(batch["target_ids"])))
        for name in FEATURES:
            if name.endswith("_ids"):
                for row in range(len(plain[name])):
                    np.testing.assert_array_equal(
                        batch[name][row][batch[name][row] > 0], plain[name][row][plain[name][row] > 0]
                    )
        length = int(corpus.values["knowledge_position"].max()) + 1
        real = batch["knowledge_ids"] > 0
        places = np.broadcast_to(np.arange(real.shape[1]), real.shape)
        np.testing.assert_array_equal(places[real] // length, batch["knowledge_item"][real])


@pytest.mark.slow
def test_replies_are_the_same_however_they_are_asked_for():
    told = reproducible.same_replies(6)
    assert told.startswith("of 6 replies, as many are the same")
    assert [int(part.split()[-1]) for part in told.split("for word: ")[1].split(", ") if part[-1].isdigit()] == [6] * 5
