import numpy as np

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.mixed_search import MixedSearch
from persona_tf.decoding.numpy_search import NumpySearch
from persona_tf.decoding.stage import Stage

WAYS = [
    (DecodeConfig("sample", temperature=2.0), (Stage(1, 5, 0), Stage(2, 3, 0))),
    (DecodeConfig("greedy"), (Stage(1, 2, 1), Stage(2, 1, 0))),
    (DecodeConfig("sample", top_k=2), (Stage(1, 9, 3), Stage(2, 2, 0))),
]


def search(way, rows, seeds):
    config, stages = WAYS[way]
    return NumpySearch(stages, 4, config, 3, np.ones(len(rows), bool), seeds[rows])


def words(row, index):
    return np.random.default_rng(1000 * row + index).normal(0, 2, 30).astype(np.float32)


def test_each_row_is_written_as_if_alone():
    of_way = [np.array(rows) for rows in ([1, 4, 6], [0, 2], [3, 5])]
    seeds = np.arange(7, dtype=np.int32)
    mixed = MixedSearch([(rows, search(way, rows, seeds)) for way, rows in enumerate(of_way)])
    assert mixed.most == 13
    while not mixed.fed.all():
        assert mixed.index <= mixed.most
        mixed.take(np.stack([words(row, mixed.index) for row in range(7)]))
    for way, rows in enumerate(of_way):
        for row in rows:
            alone = search(way, np.array([row]), seeds)
            while not alone.fed.all():
                alone.take(words(row, alone.index)[None])
            assert mixed.written[row, : alone.most].tolist() == alone.written[0].tolist()
            assert not mixed.written[row, alone.most :].any()
            assert mixed.scores[row] == alone.scores[0]
