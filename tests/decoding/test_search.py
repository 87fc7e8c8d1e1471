import itertools

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_search import NumpySearch
from persona_tf.decoding.search import Search
from persona_tf.decoding.stage import Stage, length

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

    Its state is (tokens fed [N * K, L], how often it was called [N * K]).
    """
    most = 40
    table = np.full((len(words), most), LETTERS.index("z"))
    for row, word in enumerate(words):
        table[row, : len(word)] = _ids(word)
    table = tf.constant(table)

    def step(ids, index, state):
        fed, calls = state
        fed += tf.reshape(ids, [-1, 1]) * tf.one_hot(index, most, dtype=tf.int32)[None]
        wanted = tf.gather(table, index, axis=1)
        log_probs = tf.math.log(tf.one_hot(wanted, len(LETTERS)) * 0.97 + 0.001)
        return tf.repeat(log_probs[:, None], tf.shape(ids)[1], axis=1), (fed, calls + 1)

    return step, (tf.zeros([len(words), most], tf.int32), tf.zeros([len(words)], tf.int32))


def _same_for_all(logits):
    """A step without state whose next token is always as probable as these logits say."""
    log_probs = tf.nn.log_softmax(tf.constant(logits, tf.float32))
    return lambda ids, index, state: (tf.ones([*ids.shape, 1]) * log_probs, state)


def _run(step, state, rows, config=GREEDY, seed=0, stages=STAGES, context=None, **words):
    """Progress at the end; hypothesis k of row i has seed 1000 * seed + i * K + k."""
    search = Search(stages, SPECIALS, config, **words)
    seeds = 1000 * seed + tf.reshape(tf.range(rows * config.hypotheses), [rows, -1])

    @tf.function
    def run(first):
        return search.run(step, search.begin(first, state), seeds, context)

    return run(tf.fill([rows], FIRST))


def _search(*arguments, **options):
    progress = _run(*arguments, **options)
    return progress.written[:, 0], progress.state


def _write(*words, **options):
    """What is written, the last 0s cut off, and the step's last state."""
    written, state = _search(*_speller(*words), len(words), **options)
    assert written.shape == (len(words), length(options.get("stages", STAGES)))
    return [np.trim_zeros(row, "b").tolist() for row in written.numpy()], state


def test_it_writes_the_word_that_is_spelled():
    assert _write("abc|de|")[0] == [_ids("abc|de|")]


def test_every_token_is_fed_the_last_stop_too():
    (written,), (fed, calls) = _write("abc|de|")
    assert calls.numpy().tolist() == [len(written) + 1]
    assert fed.numpy()[0, : len(written) + 1].tolist() == [FIRST, *written]


def test_a_stage_that_does_not_end_is_ended():
    assert _write("abcdefghijklmn")[0] == [_ids("abcde|ghi|")], "five tokens and a stop, three tokens and a stop"


def test_a_stage_may_be_of_full_length():
    assert _write("abcde|fgh|")[0] == [_ids("abcde|fgh|")]


def test_empty_stages():
    assert _write("||")[0] == [[END_REPLY, END_ACTION]]


def test_one_stage():
    written, (_, calls) = _write("ab|", stages=STAGES[:1])
    assert written == [_ids("ab|")]
    assert calls.numpy().tolist() == [4]


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
    assert calls.numpy().tolist() == [4, 4]


@pytest.mark.parametrize("config", [GREEDY, SAMPLE], ids=["greedy", "sample"])
def test_special_ids_are_never_chosen_but_for_the_present_stop(config):
    """Each special id is wanted a thousand times as much as a letter."""
    for wanted in range(SPECIALS):
        step = _same_for_all(7.0 * (np.arange(len(LETTERS)) == wanted))
        written = _search(step, (), 50, config)[0].numpy()
        for row in written:
            row = np.trim_zeros(row, "b").tolist()
            cut = row.index(END_REPLY)
            assert row[-1] == END_ACTION
            assert all(i >= SPECIALS for i in row[:cut] + row[cut + 1 : -1])
        ended_at_once = (written[:, 0] == END_REPLY).mean()
        assert ended_at_once > 0.9 if wanted == END_REPLY else ended_at_once < 0.5 or config is GREEDY


def _noise(seed, rows=8, config=SAMPLE, logits=None, steps=6):
    step = _same_for_all(np.zeros(len(LETTERS)) if logits is None else logits)
    return _search(step, (), rows, config, seed, stages=(Stage(END_REPLY, steps),))[0].numpy()


def test_equal_seeds_give_equal_words_and_others_do_not():
    found = [_noise(seed).tolist() for seed in range(4)]
    assert _noise(0).tolist() == found[0]
    assert all(a != b for a, b in itertools.combinations(found, 2))


def test_rows_and_steps_have_noise_of_their_own():
    words = _noise(3, rows=64)
    assert len({tuple(row) for row in words.tolist()}) > 58, "a few end at once"
    assert len({tuple(words[:, step]) for step in range(3)}) == 3


def test_greedy_needs_no_seed():
    assert _noise(0, config=GREEDY).tolist() == _noise(9, config=GREEDY).tolist()


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
        words = _noise(10 * seed, rows=3000, config=config, logits=logits, steps=2)[:, :2]
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
    search = Search(STAGES, SPECIALS, SAMPLE)
    step, state = _speller("ab|c|", "a|b|")

    def counting(ids, index, state):
        traces.append(1)
        return step(ids, index, state)

    @tf.function(reduce_retracing=True)
    def run(first, seeds):
        traces.append(0)
        return search.run(counting, search.begin(first, state), seeds).written

    run(tf.constant([FIRST, FIRST]), tf.constant([[0], [0]]))
    once = len(traces)
    for seed in range(3):
        run(tf.constant([FIRST, FIRST]), tf.constant([[seed], [1]]))
    assert len(traces) == once
    assert run.experimental_get_tracing_count() == 1


def test_any_number_of_rows_in_one_graph():
    search = Search(STAGES[:1], SPECIALS, GREEDY)

    def step(ids, index, state):
        wanted = tf.where(index < 2, 4 + index, END_REPLY)
        return tf.one_hot(tf.fill(tf.shape(ids), wanted), len(LETTERS)), state

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def run(first):
        return search.run(step, search.begin(first, ()), first[:, None]).written[:, 0]

    for rows in (1, 5, 0):
        assert run(tf.fill([rows], FIRST)).numpy()[:, :4].tolist() == [[4, 5, END_REPLY, 0]] * rows


@pytest.mark.parametrize("config", [GREEDY, SAMPLE, DecodeConfig("beam", 3)], ids=["greedy", "sample", "beam"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_written_in_pieces_is_written_at_once(config, pieces):
    rng = np.random.default_rng(0)
    table = tf.nn.log_softmax(tf.constant(rng.normal(size=(len(LETTERS), len(LETTERS))) * 2, tf.float32))
    step = lambda ids, index, state: (tf.gather(table, ids), state + 1)  # noqa: E731
    search = Search(STAGES, SPECIALS, config)
    seeds = tf.reshape(tf.range(4 * config.hypotheses), [4, -1])
    begun = search.begin(tf.fill([4], FIRST), tf.zeros([4 * config.hypotheses], tf.int32))
    whole, progress = search.run(step, begun, seeds), begun
    for until in range(pieces, search.most + 1 + pieces, pieces):
        progress = search.run(step, progress, seeds, until=until)
        now = progress.written.numpy()
        assert (now[..., until:] == 0).all()
        if config.method != "beam":
            np.testing.assert_array_equal(now[..., :until], whole.written.numpy()[..., :until])
    for one, other in zip(tf.nest.flatten(progress), tf.nest.flatten(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_where_nothing_is_to_be_written_nothing_is():
    search = Search(STAGES, SPECIALS, GREEDY)
    step, state = _speller("ab|c|", "a|b|")
    begun = search.begin(tf.fill([2], FIRST), state, tf.constant([False, True]))
    written = search.run(step, begun, tf.zeros([2, 1], tf.int32)).written.numpy()[:, 0]
    assert not written[0].any()
    assert np.trim_zeros(written[1], "b").tolist() == _ids("a|b|")


def test_length():
    assert length(STAGES) == 10
    assert length(STAGES[:1]) == 6


def test_a_score_is_the_sum_of_log_probabilities():
    progress = _run(*_speller("ab|c|"), 1)
    assert progress.scores.numpy()[0, 0] == pytest.approx(5 * np.log(0.971), rel=1e-5)


def _markov(seed, size, sharpness=1.5):
    """A step whose next token depends on the last two, and log-probabilities [V, V, V] to check it by."""
    rng = np.random.default_rng(seed)
    table = tf.nn.log_softmax(tf.constant(sharpness * rng.normal(size=(size, size, size)), tf.float32))

    def step(ids, index, state):
        before = tf.reshape(state, tf.shape(ids))
        return tf.gather_nd(table, tf.stack([before, ids], -1)), tf.reshape(ids, [-1])

    return step, table.numpy()


def _all_sequences(table, most, min_tokens=0):
    """Every reply of a `_markov` with the sum of its log-probabilities, as the rules of one stage allow it."""
    letters = range(SPECIALS, table.shape[0])
    found = {}

    def grow(row, score, before, last):
        gained = table[before, last]
        if len(row) >= min_tokens:
            found[(*row, END_REPLY)] = score + gained[END_REPLY]
        if len(row) < most:
            for letter in letters:
                grow((*row, letter), score + gained[letter], last, letter)

    grow((), 0.0, 0, FIRST)
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.65, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_what_an_exhaustive_search_finds(alpha, seed):
    size, most = SPECIALS + 4, 4
    step, table = _markov(seed, size)
    everything = _all_sequences(table, most)
    config = DecodeConfig("beam", hypotheses=400, length_alpha=alpha)
    progress = _run(step, tf.zeros([400], tf.int32), 1, config, stages=(Stage(END_REPLY, most),))
    search = Search((Stage(END_REPLY, most),), SPECIALS, config)
    ranks, written = search.ranks(progress).numpy()[0], progress.written.numpy()[0]
    penalty = {row: ((1 + len(row)) / 6) ** alpha for row in everything}
    best = sorted(everything, key=lambda row: -everything[row] / penalty[row])
    order = np.argsort(-ranks)
    for place in range(10):
        row = tuple(int(i) for i in written[order[place]] if i)
        assert row == best[place]
        assert ranks[order[place]] == pytest.approx(everything[row] / penalty[row], rel=1e-4)
    assert len(everything) == 341
    assert np.isfinite(ranks).sum() == 341


def test_a_narrow_beam_is_never_worse_than_greedy():
    stages = (Stage(END_REPLY, 6),)
    flat = {"stages": stages}
    for seed in range(5):
        step, _ = _markov(seed, SPECIALS + 8)
        greedy = _run(step, tf.zeros([1], tf.int32), 1, **flat)
        beam = _run(step, tf.zeros([4], tf.int32), 1, DecodeConfig("beam", 4, length_alpha=0.0), **flat)
        scores = beam.scores.numpy()[0]
        assert scores.max() >= greedy.scores.numpy()[0, 0] - 1e-5
        assert (np.diff(scores) <= 1e-6).all(), "the beam is sorted"
        assert len({tuple(row) for row in beam.written.numpy()[0].tolist()}) == 4


def test_a_beam_of_one_is_greedy():
    step, _ = _markov(3, SPECIALS + 8)
    state = tf.zeros([1], tf.int32)
    one, other = (_run(step, state, 1, config) for config in (GREEDY, DecodeConfig("beam", 1)))
    np.testing.assert_array_equal(one.written, other.written)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)


def test_beams_of_many_rows_are_those_of_each_alone():
    step, _ = _markov(4, SPECIALS + 8)
    config = DecodeConfig("beam", 3)

    def rows(firsts):
        search = Search(STAGES, SPECIALS, config)
        begun = search.begin(tf.constant(firsts), tf.zeros([3 * len(firsts)], tf.int32))
        return search.run(step, begun, tf.zeros([len(firsts), 3], tf.int32)).written.numpy()

    together = rows([4, 5, 6, 7])
    for number, first in enumerate([4, 5, 6, 7]):
        np.testing.assert_array_equal(rows([first])[0], together[number])


def test_groups_of_a_diverse_beam_differ():
    step = _same_for_all(-0.3 * np.arange(len(LETTERS)))
    stages = (Stage(END_REPLY, 1),)
    chosen = {}
    for diversity in (0.0, 5.0):
        config = DecodeConfig("beam", 4, groups=4, diversity=diversity)
        chosen[diversity] = _run(step, (), 1, config, stages=stages).written.numpy()[0, :, 0].tolist()
    assert len(set(chosen[0.0])) == 1
    assert len(set(chosen[5.0])) == 4


def test_samples_side_by_side_are_independent():
    config = DecodeConfig("sample", hypotheses=200)
    words = _run(_same_for_all(np.zeros(len(LETTERS))), (), 2, config).written.numpy()
    assert len({tuple(row) for row in words.reshape(400, -1).tolist()}) > 350


def test_a_least_number_of_tokens():
    step = _same_for_all(9.0 * (np.arange(len(LETTERS)) == END_REPLY))
    for least in (0, 2, 5):
        row = _search(step, (), 1, stages=(Stage(END_REPLY, 5, min_tokens=least),))[0].numpy()[0].tolist()
        assert row.index(END_REPLY) == least


def test_banned_words_are_not_written():
    a, b, c = _ids("abc")
    (row,) = _write("abcab|c|", banned=((b,),))[0]
    assert b not in row
    (row,) = _write("abcab|c|", banned=((a, b, c),))[0]
    assert row[:2] == [a, b]
    assert row[2] != c
    assert row[3:5] == [a, b], "without the rest it may"


@pytest.mark.parametrize("config", [GREEDY, SAMPLE, DecodeConfig("beam", 3)], ids=["greedy", "sample", "beam"])
@pytest.mark.parametrize("word", ["a|z|", "abc|z|", "abcde|z|", "|z|"])
def test_forced_words_are_written(config, word):
    step, (fed, calls) = _speller(word)
    state = (tf.repeat(fed, config.hypotheses, 0), tf.repeat(calls, config.hypotheses, 0))
    forced = (tuple(_ids("xy")), tuple(_ids("q")))
    written = _run(step, state, 1, config, forced=forced).written.numpy()[0]
    for row in written.tolist():
        reply = "".join(LETTERS[i] for i in row[: row.index(END_REPLY)])
        assert "xy" in reply
        assert "q" in reply
        assert len(reply) <= 5


def test_forced_words_come_where_the_reply_would_end():
    (row,) = _write("ab|c|", forced=(tuple(_ids("xy")),))[0]
    assert row == _ids("abxy")[:4] + row[4:]


def test_what_was_said_by_itself_is_not_forced():
    assert _write("abc|de|", forced=(tuple(_ids("bc")),))[0] == [_ids("abc|de|")]


def test_forced_words_that_do_not_fit():
    with pytest.raises(ValueError, match="forced words are 6 tokens and a reply is at most 5"):
        Search(STAGES, SPECIALS, GREEDY, forced=(tuple(_ids("abcdef")),))


def test_what_is_banned_cannot_be_forced():
    for forced in (_ids("abc"), []):
        with pytest.raises(ValueError, match="is empty or banned"):
            Search(STAGES, SPECIALS, GREEDY, banned=(tuple(_ids("bc")),), forced=(tuple(forced),))


def test_a_rule_that_would_leave_nothing_is_not_kept():
    """All letters but one are banned, and that one may not come twice; a stop may not come yet."""
    letters = range(SPECIALS + 1, len(LETTERS))
    stages = (Stage(END_REPLY, 5, min_tokens=3),)
    config = DecodeConfig(no_repeat_ngram=1)
    banned = tuple((letter,) for letter in letters)
    progress = _run(_same_for_all(np.zeros(len(LETTERS))), (), 1, config, stages=stages, banned=banned)
    assert np.isfinite(progress.scores.numpy()).all()
    assert progress.written.numpy()[0, 0].tolist()[:4] == [SPECIALS, SPECIALS, SPECIALS, END_REPLY]


def test_no_ngram_comes_twice_in_a_reply_but_may_in_the_action():
    stages = (Stage(END_REPLY, 8), Stage(END_ACTION, 8))
    config = DecodeConfig(no_repeat_ngram=2)
    (row,) = _write("ababcdcd||", config=config, stages=stages)[0]
    assert row == [*_ids("aba|cdcd"), END_ACTION], "in the place of the second ab comes the first of equal ids, a stop"


def test_no_ngram_is_taken_from_the_history():
    context = tf.constant([[*_ids("abc"), 0, 0]])
    config = DecodeConfig(no_repeat_history_ngram=3)
    (row,) = _write("abcd|e|", config=config, context=context)[0]
    assert row[:2] == _ids("ab")
    assert row[2] != _ids("c")[0]
    assert row[3] == _ids("d")[0]


@pytest.mark.parametrize(("marks", "written"), [((1, 3), 1), ((), 4)])
def test_marks_of_a_stage_may_stand_among_its_words_and_other_special_ids_may_not(marks, written):
    """Of 30 ids the last two are special, too: one is the stop, the likeliest of all is never written."""
    logits = np.zeros(len(LETTERS), np.float32)
    logits[[28, 2, 1, 4, 29]] = 5, 4, 3, 2, 1
    stages = (Stage(29, 3, marks=marks),)
    found, _ = _search(_same_for_all(logits), tf.zeros([2]), 2, stages=stages, last_specials=2)
    assert found.numpy().tolist() == [[written] * 3 + [29]] * 2
    none = np.zeros(2, np.int32)
    search = NumpySearch(stages, SPECIALS, GREEDY, FIRST, none == 0, none, last_specials=2)
    while search.index < search.most:
        search.take(np.tile(logits, (2, 1)))
    assert search.written.tolist() == found.numpy().tolist()
