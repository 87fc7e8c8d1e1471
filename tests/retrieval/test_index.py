"""The index against a sort of all products, and what its files refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.npz_file import read_npz, write_npz
from persona_tf.retrieval import index as index_module
from persona_tf.retrieval.index import FactIndex


def made(rng, count, dimensions=4, whole=True):
    """An index of ``count`` facts; whole numbers, so that there are ties."""
    index = FactIndex(dimensions, "abc")
    vectors = rng.integers(-2, 3, (count, dimensions)) if whole else rng.normal(size=(count, dimensions))
    index.add([f"fact {i}" for i in range(count)], vectors.astype(np.float32))
    return index, vectors.astype(np.float32)


def sorted_all(vectors, query, k, threshold=None, numbers=None):
    numbers = range(len(vectors)) if numbers is None else numbers
    pairs = sorted((-float(v @ query), n) for v, n in zip(vectors, numbers, strict=True))
    return [(n, -s) for s, n in pairs if threshold is None or -s >= threshold][:k]


@given(
    st.integers(0, 10_000).map(np.random.default_rng),
    st.integers(0, 40),
    st.integers(0, 12),
    st.sampled_from([None, -1.0, 0.0, 2.0]),
    st.sampled_from([1 << 24, 12, 1]),
)
def test_a_search_is_a_sort(rng, count, k, threshold, cells):
    index, vectors = made(rng, count)
    queries = rng.integers(-2, 3, (3, 4)).astype(np.float32)
    index_module._CELLS, before = cells, index_module._CELLS
    try:
        found = index.search(queries, k, threshold)
    finally:
        index_module._CELLS = before
    for query, some in zip(queries, found, strict=True):
        assert [(f.number, f.score) for f in some] == sorted_all(vectors, query, k, threshold)
        assert all(f.fact == f"fact {f.number}" for f in some)


@given(st.integers(0, 10_000).map(np.random.default_rng))
def test_facts_come_and_go(rng):
    index, vectors = made(rng, 12)
    kept = dict(enumerate(vectors))
    for _ in range(4):
        gone = rng.choice(sorted(kept), min(len(kept), rng.integers(0, 5)), replace=False).tolist()
        index.remove(gone)
        for number in gone:
            del kept[number]
        new = rng.integers(-2, 3, (rng.integers(0, 4), 4)).astype(np.float32)
        kept |= dict(zip(index.add([f"new {i}" for i in range(len(new))], new), new, strict=True))
        assert index.numbers == sorted(kept)
        query = rng.integers(-2, 3, 4).astype(np.float32)
        [found] = index.search(query, 5)
        assert [(f.number, f.score) for f in found] == sorted_all(kept.values(), query, 5, numbers=kept)
        assert all(index.fact(f.number) == f.fact for f in found)


def test_numbers_are_not_given_twice():
    index = FactIndex(2, "abc")
    assert index.add(["a", "b"], np.zeros((2, 2))) == [0, 1]
    index.remove([1])
    assert index.add(["c"], np.zeros((1, 2))) == [2]


def test_fewer_facts_than_wanted_and_none():
    index = FactIndex(2, "abc")
    assert index.search(np.ones(2), 5) == [[]]
    index.add([], np.zeros((0, 2)))
    index.add(["a"], np.ones((1, 2)))
    assert [f.fact for f in index.search(np.ones(2), 5)[0]] == ["a"]
    assert index.search(np.ones((0, 2)), 5) == []
    assert index.search(np.ones(2), 0) == [[]]


def test_ten_thousand_equal_facts():
    index = FactIndex(8, "abc")
    index.add(["I bake."] * 10_000, np.ones((10_000, 8)))
    assert [f.number for f in index.search(np.ones(8), 3)[0]] == [0, 1, 2]


def test_what_cannot_be_added_or_asked():
    index = FactIndex(2, "abc")
    for vectors, message in (
        (np.zeros((1, 3)), r"expected vectors \[n, 2\], got \[1, 3\]"),
        (np.zeros((2, 2)), "got 2 for 1"),
        (np.float32([[np.nan, 0]]), "finite numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            index.add(["a"], vectors)
    assert len(index) == 0
    with pytest.raises(ValueError, match=r"expected vectors \[n, 2\], got \[1, 4\]"):
        index.search(np.zeros(4), 1)
    with pytest.raises(ValueError, match="k of 0 or more"):
        index.search(np.zeros(2), -1)
    index.add(["a"], np.zeros((1, 2)))
    with pytest.raises(KeyError, match="no fact of number 7"):
        index.remove([0, 7])
    assert index.numbers == [0]
    with pytest.raises(ValueError, match="1 dimension or more"):
        FactIndex(0, "abc")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_saved_index_is_the_same(tmp_path, count):
    rng = np.random.default_rng(0)
    index, _ = made(rng, count, whole=False)
    texts = ["", "Ёжик 🦔 \udc80", "a\nb"]
    index.add(texts, rng.normal(size=(3, 4)))
    index.remove(index.numbers[:1])
    index.save(tmp_path / "facts.npz")
    again = FactIndex.load(tmp_path / "facts.npz", "abc")
    query = rng.normal(size=4)
    [found], [before] = again.search(query, 99), index.search(query, 99)
    assert [(one.number, one.fact) for one in found] == [(one.number, one.fact) for one in before]
    # A product of the same vectors may differ in its last bit by where they lie in memory.
    assert [one.score for one in found] == pytest.approx([one.score for one in before], rel=1e-5)
    assert again.numbers == index.numbers
    again.remove(again.numbers[:1])
    assert again.add(["z"], np.ones((1, 4))) == index.add(["z"], np.ones((1, 4)))


def test_an_index_of_another_encoder_is_refused(tmp_path):
    index, _ = made(np.random.default_rng(0), 3)
    index.save(tmp_path / "facts.npz")
    with pytest.raises(ValueError, match=r"facts.npz: .* encoder abc, this one is def: .* embed the facts again"):
        FactIndex.load(tmp_path / "facts.npz", "def")


def test_files_that_are_no_index(tmp_path):
    path = tmp_path / "facts.npz"
    with pytest.raises(FileNotFoundError):
        FactIndex.load(path, "abc")
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"facts.npz: damaged"):
        FactIndex.load(path, "abc")
    write_npz(path, {"x": np.zeros(1)})
    with pytest.raises(ValueError, match="is no index of facts"):
        FactIndex.load(path, "abc")
    index, _ = made(np.random.default_rng(0), 3)
    index.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"facts.npz: damaged"):
        FactIndex.load(path, "abc")
    path.write_bytes(whole)
    arrays = read_npz(path, "")
    write_npz(path, {**arrays, "vectors": arrays["vectors"][:2]})
    with pytest.raises(ValueError, match="3 facts, but vectors"):
        FactIndex.load(path, "abc")
    write_npz(path, {**arrays, "about": np.frombuffer(b'{"format": 9}', np.uint8)})
    with pytest.raises(ValueError, match="format 9, this version reads format 1"):
        FactIndex.load(path, "abc")
