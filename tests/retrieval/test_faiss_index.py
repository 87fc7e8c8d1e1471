"""The index by FAISS against the exact one."""

import sys

import numpy as np
import pytest

from persona_tf.retrieval import faiss_index
from persona_tf.retrieval.index import FactIndex

pytest.importorskip("faiss")
COUNT, DIMENSIONS = 3000, 16


@pytest.fixture
def both(monkeypatch):
    """The exact index and one by FAISS, of the same 3,000 facts in fifty heaps; and 40 queries."""
    monkeypatch.setattr(faiss_index, "LEAST", 100)
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(50, DIMENSIONS))
    vectors = heaps[rng.integers(50, size=COUNT)] + 0.3 * rng.normal(size=(COUNT, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact, fast = FactIndex(DIMENSIONS, "abc"), faiss_index.FaissIndex(DIMENSIONS, "abc", probes=24)
    for index in (exact, fast):
        index.add([f"fact {i}" for i in range(COUNT)], vectors)
    return exact, fast, vectors[rng.integers(COUNT, size=40)] + 0.05 * rng.normal(size=(40, DIMENSIONS))


def recall(exact, fast, queries, k=10):
    """How much of what is best is found; what is found has its true score, and stands in order."""
    shares = []
    for true, found in zip(exact.search(queries, k), fast.search(queries, k), strict=True):
        assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
        scores = {f.number: f.score for f in exact.search(queries[len(shares)], len(exact))[0]}
        assert all(f.fact == exact.fact(f.number) for f in found)
        np.testing.assert_allclose([f.score for f in found], [scores[f.number] for f in found], rtol=1e-4, atol=1e-5)
        shares.append(len({f.number for f in true} & {f.number for f in found}) / k)
    return np.mean(shares)


def test_nearly_all_is_found_and_not_all_is_looked_at(both, monkeypatch):
    exact, fast, queries = both
    assert recall(exact, fast, queries) > 0.95
    monkeypatch.setattr(FactIndex, "search", lambda *_: pytest.fail("it looks at all"))
    assert len(fast.search(queries[:1], 3)[0]) == 3


def test_facts_come_and_go(both):
    exact, fast, queries = both
    fast.search(queries, 1)  # the cells are there before
    rng = np.random.default_rng(1)
    gone = rng.choice(COUNT, 400, replace=False).tolist()
    new = queries + 0.01 * rng.normal(size=queries.shape)
    for index in (exact, fast):
        index.remove(gone)
        index.add([f"new {i}" for i in range(len(new))], new)
    assert exact.numbers == fast.numbers
    assert recall(exact, fast, queries) > 0.95
    assert not {f.number for some in fast.search(queries, 50) for f in some} & set(gone)
    with pytest.raises(KeyError, match=f"no fact of number {gone[0]}"):
        fast.remove(gone[:1])


def test_many_more_facts_are_laid_out_anew(both):
    exact, _, queries = both
    small = faiss_index.FaissIndex(DIMENSIONS, "abc")
    rows = np.float32([exact._rows[i] for i in range(COUNT)])
    small.add([f"fact {i}" for i in range(200)], rows[:200])
    small.search(queries, 1)
    cells = small._cells
    small.add([f"fact {i}" for i in range(200, COUNT)], rows[200:])
    assert recall(exact, small, queries) > 0.95
    assert small._cells is not cells


def test_few_facts_and_bad_questions_are_as_in_the_exact_one(both):
    exact, fast, queries = both
    few = faiss_index.FaissIndex(DIMENSIONS, "abc")
    assert few.search(queries[0], 3) == [[]]
    few.add(["I bake."] * 50, np.ones((50, DIMENSIONS)))
    assert [f.number for f in few.search(np.ones(DIMENSIONS), 3)[0]] == [0, 1, 2]
    assert fast.search(queries, 0) == [[] for _ in queries]
    assert fast.search(queries[:0], 3) == []
    assert len(fast.search(queries[0], 5 * COUNT)[0]) <= COUNT
    [best] = exact.search(queries[0], 1)
    assert fast.search(queries[0], 5, best[0].score + 0.01) == [[]]
    with pytest.raises(ValueError, match=r"expected vectors \[n, 16\], got \[1, 4\]"):
        fast.search(np.zeros(4), 1)
    with pytest.raises(ValueError, match="k of 0 or more"):
        fast.search(queries, -1)
    with pytest.raises(ValueError, match="1 probe or more, got 0"):
        faiss_index.FaissIndex(4, "abc", probes=0)


def test_files_are_those_of_the_exact_one(both, tmp_path):
    exact, fast, queries = both
    exact.save(tmp_path / "facts.npz")
    again = faiss_index.FaissIndex.load(tmp_path / "facts.npz", "abc")
    assert isinstance(again, faiss_index.FaissIndex)
    assert recall(exact, again, queries) > 0.95
    fast.save(tmp_path / "fast.npz")
    assert FactIndex.load(tmp_path / "fast.npz", "abc").search(queries, 9) == exact.search(queries, 9)


def test_without_the_package_it_says_how(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'persona_tf\[faiss\]'"):
        faiss_index.FaissIndex(4, "abc")
