"""Strings in, vectors or scores out; and the bundle."""

import json

import numpy as np
import pytest
from keras import ops

from persona_tf.retrieval.bundle import load_retriever, save_retriever

KINDS = ("bi", "poly", "cross")


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_encoders(make_retriever, contexts, facts, batch, kind):
    retriever = make_retriever(kind=kind)
    whole = ops.convert_to_numpy(retriever.encoder(batch))
    some = [facts, facts[:2], [], facts[1:2]]
    found = retriever.score(contexts, some)
    assert [len(scores) for scores in found] == [5, 2, 0, 1]
    for scores, expected in zip(found, (whole[0], whole[1, :2], [], whole[3, 1:2]), strict=True):
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert retriever.score([], []) == []
    with pytest.raises(ValueError, match="got 1 for 2"):
        retriever.score(contexts[:2], [facts])


def test_a_batch_changes_nothing(make_retriever, contexts, facts):
    retriever = make_retriever()
    alone = np.concatenate([retriever.embed_contexts([context]) for context in contexts])
    np.testing.assert_allclose(retriever.embed_contexts(contexts), alone, rtol=1e-4, atol=1e-6)
    many = facts * 40
    np.testing.assert_allclose(
        retriever.embed_facts(many), np.tile(retriever.embed_facts(facts), (40, 1)), rtol=1e-4, atol=1e-6
    )
    assert retriever.embed_facts([]).shape == (0, 8)
    assert retriever.embed_contexts([]).shape == (0, 8)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_search_finds_in_the_order_of_scores(make_retriever, contexts, facts, similarity):
    retriever = make_retriever(similarity=similarity)
    index = retriever.new_index()
    assert retriever.search(contexts[1], index, 3) == []
    index.add(facts, retriever.embed_facts(facts))
    [scores] = retriever.score(contexts[1:2], [facts])
    found = retriever.search(contexts[1], index, 9)
    assert [f.number for f in found] == np.argsort(-scores).tolist()
    middle = found[2].score
    assert retriever.search(contexts[1], index, 9, threshold=middle) == found[:3]


def test_what_has_no_vectors_to_search_with(make_retriever, contexts):
    poly = make_retriever(kind="poly")
    with pytest.raises(ValueError, match="needs a bi-encoder, got 'poly'"):
        poly.search(contexts[0], poly.new_index(), 3)
    with pytest.raises(ValueError, match="has no vectors"):
        make_retriever(kind="cross").embed_facts(["a"])


def test_fingerprints_tell_encoders_apart(make_retriever):
    one = make_retriever()
    before = one.fingerprint()
    assert before == make_retriever().fingerprint()
    assert before != make_retriever(similarity="dot").fingerprint()
    weight = one.encoder.weights[0]
    weight.assign(weight + 1e-3)
    assert one.fingerprint() != before


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_brings_the_retriever_back(make_retriever, vocabulary_model, contexts, facts, tmp_path, kind):
    old = make_retriever(kind=kind)
    save_retriever(tmp_path, "demo", 7, old.layout.config, old.encoder, vocabulary_model)
    new = load_retriever(tmp_path)
    assert (new.experiment, new.step, new.config) == ("demo", 7, old.config)
    assert new.fingerprint() == old.fingerprint()
    for one, other in zip(new.score(contexts, [facts] * 4), old.score(contexts, [facts] * 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bundles_that_do_not_fit(make_retriever, vocabulary_model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"retriever.json: not there"):
        load_retriever(tmp_path)
    old = make_retriever()
    save_retriever(tmp_path, "demo", 7, old.layout.config, old.encoder, vocabulary_model)
    about = json.loads((tmp_path / "retriever.json").read_text())

    def tell(**fields):
        (tmp_path / "retriever.json").write_text(json.dumps({**about, **fields}))

    for fields, message in (
        ({"format": 9}, "format 9, this version reads format 1"),
        ({"vocabulary": "xyz"}, r"vocabulary.model: is vocabulary .*, but the weights were trained with xyz"),
        ({"retriever": {"kind": "tri"}}, r"retriever.json: retriever: .*kind must be one of"),
        ({"model": {**about["model"], "vocabulary_size": 5}}, "vocabulary_size is 5"),
        ({"retriever": {**about["retriever"], "dimensions": 9}}, r"weights.npz: .*has shape"),
    ):
        tell(**fields)
        with pytest.raises(ValueError, match=message):
            load_retriever(tmp_path)
    (tmp_path / "retriever.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        load_retriever(tmp_path)
    tell()
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"weights.npz: not there"):
        load_retriever(tmp_path)
