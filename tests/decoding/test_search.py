import itertools

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.search import Stage, length, search

SPECIALS, FIRST, END_REPLY, END_ACTION = 4, 1, 2, 3
STAGES = (Stage(END_REPLY, 5), Stage(END_ACTION, 3))
LETTERS = "????abcdefghijklmnopqrstuvwxyz"
GREEDY, SAMPLE = DecodeConfig(), DecodeConfig(method="sample")


def _ids(word):
    """Letters from 4 on; "|" ends a stage, the second one with END_ACTION."""
    stops = iter((END_REPLY, END_ACTION))
    return [next(stops) if letter == "|" else LETTERS.index(letter) for letter in word]


def _speller(*words):
    """A step that wants to write words[row], whatever it is fed, and "z" for ever after; notes what it is fed.

    Its state is (tokens fed [B, L], how often it was called).
    """
    most = 40
    table = np.full((len(words), most), LETTERS.index("z"))
    for row, word in enumerate(words):
        table[row, : len(word)] = _ids(word)
    table = tf.constant(table)

    def step(ids, index, state):
        fed, calls = state
        fed += ids[:, None] * tf.one_hot(index, most, dtype=tf.int32)[None]
        wanted = tf.gather(table, index, axis=1)
        return tf.math.log(tf.one_hot(wanted, len(LETTERS)) * 0.97 + 0.001), (fed, calls + 1)

    return step, (tf.zeros([len(words), most], tf.int32), tf.constant(0))


def _search(step, state, rows, config=GREEDY, seed=(0, 0), stages=STAGES):
    @tf.function
    def run(first):
        return search(step, state, first, stages, SPECIALS, config, tf.constant(seed))

    return run(tf.fill([rows], FIRST))


def _write(*words, **options):
    """What is written, the last 0s cut off, and the step's last state."""
    written, state = _search(*_speller(*words), len(words), **options)
    assert written.shape == (len(words), length(options.get("stages", STAGES)))
    return [np.trim_zeros(row, "b").tolist() for row in written.numpy()], state


def test_it_writes_the_word_that_is_spelled():
    assert _write("abc|de|")[0] == [_ids("abc|de|")]


def test_every_token_is_fed_the_last_stop_too():
    (written,), (fed, calls) = _write("abc|de|")
    assert calls == len(written) + 1
    assert fed.numpy()[0, : calls.numpy()].tolist() == [FIRST, *written]


def test_a_stage_that_does_not_end_is_ended():
    assert _write("abcdefghijklmn")[0] == [_ids("abcde|ghi|")], "five tokens and a stop, three tokens and a stop"


def test_a_stage_may_be_of_full_length():
    assert _write("abcde|fgh|")[0] == [_ids("abcde|fgh|")]


def test_empty_stages():
    assert _write("||")[0] == [[END_REPLY, END_ACTION]]


def test_one_stage():
    written, (_, calls) = _write("ab|", stages=STAGES[:1])
    assert written == [_ids("ab|")]
    assert calls == 4


def test_rows_end_each_at_its_own_time_and_stay_ended():
    words = ("a|b|", "||", "abcde|fgh|", "ab|", "abcdefgh|")
    together, (fed, _) = _write(*words)
    assert together[:3] == [_ids(word) for word in words[:3]]
    for row, word in enumerate(words):
        (alone,), (fed_alone, _) = _write(word)
        assert together[row] == alone
        assert np.trim_zeros(fed.numpy()[row], "b").tolist() == np.trim_zeros(fed_alone.numpy()[0], "b").tolist()


def test_nothing_more_is_asked_when_all_have_ended():
    _, (_, calls) = _write("a||", "||")
    assert calls == 4


@pytest.mark.parametrize("config", [GREEDY, SAMPLE], ids=["greedy", "sample"])
def test_special_ids_are_never_chosen_but_for_the_present_stop(config):
    """Each special id is wanted a thousand times as much as a letter."""
    for wanted in range(SPECIALS):
        logits = tf.constant(7.0 * (np.arange(len(LETTERS)) == wanted), tf.float32)
        step = lambda ids, index, state, logits=logits: (tf.tile(logits[None], [50, 1]), state)  # noqa: E731
        written = _search(step, (), 50, config)[0].numpy()
        for row in written:
            row = np.trim_zeros(row, "b").tolist()
            cut = row.index(END_REPLY)
            assert row[-1] == END_ACTION
            assert all(i >= SPECIALS for i in row[:cut] + row[cut + 1 : -1])
        ended_at_once = (written[:, 0] == END_REPLY).mean()
        assert ended_at_once > 0.9 if wanted == END_REPLY else ended_at_once < 0.5 or config is GREEDY


def _noise(seed, rows=8, config=SAMPLE, logits=None, steps=6):
    logits = tf.zeros([len(LETTERS)]) if logits is None else tf.constant(logits, tf.float32)
    step = lambda ids, index, state: (tf.tile(logits[None], [rows, 1]), state)  # noqa: E731
    return _search(step, (), rows, config, seed, stages=(Stage(END_REPLY, steps),))[0].numpy()


def test_equal_seeds_give_equal_words_and_others_do_not():
    found = [_noise(seed).tolist() for seed in ((0, 0), (1, 0), (2, 0), (0, 50))]
    assert _noise((0, 0)).tolist() == found[0]
    assert all(a != b for a, b in itertools.combinations(found, 2))


def test_rows_and_steps_have_noise_of_their_own():
    words = _noise((3, 0), rows=64)
    assert len({tuple(row) for row in words.tolist()}) == 64
    assert len({tuple(words[:, step]) for step in range(3)}) == 3


def test_greedy_needs_no_seed():
    assert _noise((0, 0), config=GREEDY).tolist() == _noise((9, 9), config=GREEDY).tolist()


CHI_SQUARE_99_9 = {25: 52.62, 4: 18.47, 2: 13.82}
"""99.9 % points of chi-square, by degrees of freedom."""


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (SAMPLE, 26),
        (DecodeConfig(method="sample", temperature=2.0), 26),
        (DecodeConfig(method="sample", top_k=5), 5),
        (DecodeConfig(method="sample", top_p=0.5), 3),
    ],
    ids=["all", "temperature", "top_k", "top_p"],
)
def test_words_are_as_frequent_as_they_are_probable(config, kept):
    letters = np.arange(26)
    logits = np.concatenate([[0.0] * SPECIALS, -0.25 * letters])
    logits[END_REPLY] = -60.0
    counts = np.zeros(26)
    for seed in range(2):
        words = _noise((seed, 0), rows=3000, config=config, logits=logits, steps=2)[:, :2]
        counts += np.bincount(words.ravel() - SPECIALS, minlength=26)
    probs = np.exp(logits[SPECIALS:] / config.temperature)
    probs[kept:] = 0
    probs /= probs.sum()
    assert (counts[kept:] == 0).all()
    expected = probs[:kept] * counts.sum()
    assert counts.sum() == 12_000
    assert ((counts[:kept] - expected) ** 2 / expected).sum() < CHI_SQUARE_99_9[kept - 1]


def test_the_second_call_makes_no_new_graph():
    traces = []
    step, state = _speller("ab|c|", "a|b|")

    def counting(ids, index, state):
        traces.append(1)
        return step(ids, index, state)

    @tf.function(reduce_retracing=True)
    def run(first, seed):
        traces.append(0)
        return search(counting, state, first, STAGES, SPECIALS, SAMPLE, seed)[0]

    run(tf.constant([FIRST, FIRST]), tf.constant([0, 0]))
    once = len(traces)
    for seed in range(3):
        run(tf.constant([FIRST, FIRST]), tf.constant([seed, 1]))
    assert len(traces) == once
    assert run.experimental_get_tracing_count() == 1


def test_any_number_of_rows_in_one_graph():
    def step(ids, index, state):
        wanted = tf.where(index < 2, 4 + index, END_REPLY)
        return tf.one_hot(tf.fill(tf.shape(ids), wanted), len(LETTERS)), state

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def run(first):
        return search(step, (), first, STAGES[:1], SPECIALS, GREEDY, tf.constant([0, 0]))[0]

    for rows in (1, 5, 0):
        assert run(tf.fill([rows], FIRST)).numpy()[:, :4].tolist() == [[4, 5, END_REPLY, 0]] * rows


def test_length():
    assert length(STAGES) == 10
    assert length(STAGES[:1]) == 6
