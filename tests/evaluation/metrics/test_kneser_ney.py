import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.kneser_ney import END, KneserNey

TOY = ["ab", "ab", "ac"]
sequences = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=6)


def test_bigrams_by_hand():
    # Bigrams: ^a 3, ab 2, ac 1, b$ 2, c$ 1. Tokens before: a 1, b 1, c 1, $ 2.
    # Order 2: n1 = n2 = 2, n3 = 1, n4 = 0, so Y = 1/3, D = 1/3, 3/2, 3. Order 1: n3 = 0, so D = .5, 1, 1.5.
    # Outcomes: a, b, c, $, unknown. gamma() = (3 * .5 + 1) / 5 = .5, so p(b) = (.5 + .5) / 5, p($) = .3.
    # gamma(a) = (1/3 + 3/2) / 3 = 11/18.
    model = KneserNey.train(TOY, order=2)
    assert model.size == 5
    assert model.discounts == ((0.5, 1.0, 1.5), pytest.approx((1 / 3, 1.5, 3)))
    assert model.probability("b", at_start=False) == pytest.approx(0.2)
    assert model.probability(END, at_start=False) == pytest.approx(0.3)
    assert model.probability("unseen", at_start=False) == pytest.approx(0.1)
    assert model.probability("b", "a") == pytest.approx(1 / 6 + 11 / 18 * 0.2)
    assert model.probability("c", "a") == pytest.approx((1 - 1 / 3) / 3 + 11 / 18 * 0.2)
    assert model.probability(END, "a") == pytest.approx(11 / 18 * 0.3)
    assert model.probability("a") == pytest.approx(0.2)  # D3+ = 3 leaves nothing of the count 3
    assert model.probability("a", "x") == pytest.approx(0.2)  # after an unknown token
    expected = -math.log(0.2 * (1 / 6 + 11 / 18 * 0.2) * (0.5 / 2 + 1.5 / 2 * 0.3))
    assert model.nats("ab") == pytest.approx(expected)


def test_trigrams_use_the_tokens_before():
    # In "xay yay zay zb", "ay" comes after three different tokens, "zb" begins a sequence.
    model = KneserNey.train(["xay", "yay", "zay", "zb"], order=3)
    assert model._counts[1][model._ids["a"], model._ids["y"]] == 3
    assert model._counts[0][(model._ids["y"],)] == 2  # after a and at the beginning
    assert model._counts[1][0, model._ids["z"]] == 2  # keeps its count


def test_discounts_follow_chen_and_goodman():
    counts = {1: 10, 2: 5, 3: 3, 4: 2}
    text = [[f"w{often}.{i}"] * often for often, number in counts.items() for i in range(number)]
    model = KneserNey.train([[token for part in text for token in part] + ["end"] * 9], order=1)
    # END is counted once: n1 = 11
    y = 11 / (11 + 2 * 5)
    assert model.discounts[0] == pytest.approx((1 - 2 * y * 5 / 11, 2 - 3 * y * 3 / 5, 3 - 4 * y * 2 / 3))


@settings(max_examples=60)
@given(sequences, st.integers(1, 4), st.lists(st.sampled_from("abcde"), max_size=5), st.booleans(), st.booleans())
def test_probabilities_sum_to_one(corpus, order, context, at_start, closed):
    vocabulary = "abcde" if closed else None
    model = KneserNey.train(corpus, order, vocabulary)
    outcomes = [
        *(vocabulary or sorted({t for s in corpus for t in s})),
        END,
        *([] if closed else ["unknown"]),
    ]
    assert len(outcomes) == model.size
    each = [model.probability(token, context, at_start) for token in outcomes]
    assert min(each) > 0
    assert sum(each) == pytest.approx(1)


def test_nats_are_those_of_the_tokens():
    model = KneserNey.train([[1, 2, 3, 1, 2], [2, 3], []], order=3)
    sequence = [1, 2, 3, 9]
    each = [model.probability(t, sequence[:i]) for i, t in enumerate([*sequence, END])]
    assert model.nats(sequence) == pytest.approx(-sum(map(math.log, each)))
    assert model.nats([]) == pytest.approx(-math.log(model.probability(END)))


def test_closed_vocabulary_names_the_stranger():
    model = KneserNey.train(TOY, vocabulary="abc")
    assert model.size == 4
    with pytest.raises(KeyError, match="'x' is not among the 3"):
        model.nats("ax")
    with pytest.raises(KeyError, match="'c' is not among the 2"):
        KneserNey.train(TOY, vocabulary="ab")


@pytest.mark.parametrize(("corpus", "order", "message"), [([], 3, "one sequence or more"), (["a"], 0, "order of 1")])
def test_senseless_input_is_an_error(corpus, order, message):
    with pytest.raises(ValueError, match=message):
        KneserNey.train(corpus, order)


def test_longer_contexts_help_where_there_is_order():
    rng = random.Random(0)

    def sentence():
        word, said = 0, []
        while len(said) < 12:
            word = (3 * word + (len(said) > 1 and said[-2]) + rng.choice((0, 0, 0, 1))) % 17
            said.append(word)
        return said

    train, test = [sentence() for _ in range(400)], [sentence() for _ in range(50)]
    nats = [sum(map(KneserNey.train(train, order).nats, test)) for order in (1, 2, 3)]
    assert nats[2] < 0.8 * nats[0]
    assert nats[1] < nats[0]


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", "")) / "convai2"


def _replies(name):
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if "\t" in line]


@pytest.mark.skipif(
    not os.environ.get("PERSONA_TF_DATA_DIR") or not DATA.is_dir(), reason="needs PERSONA_TF_DATA_DIR/convai2"
)
def test_words_of_persona_chat():
    train = [row[i].split() for row in _replies("train_self_original_no_cands.txt") for i in (0, 1)]
    valid = [row[1] for row in _replies("valid_self_original_no_cands.txt")]
    one, three = (KneserNey.train(train, order) for order in (1, 3))
    nats = [sum(model.nats(text.split()) for text in valid) for model in (one, three)]
    assert nats[1] < 0.85 * nats[0]
