"""Ours against ParlAI 1.7.2, whose figures parlai_golden.py has written down."""

import gzip
import json
import pathlib

import pytest

from persona_tf.evaluation.metrics.bleu import bleu
from persona_tf.evaluation.metrics.distinct import InterDistinct, intra_distinct
from persona_tf.evaluation.metrics.ranking import gold_indices, hit
from persona_tf.evaluation.metrics.words import exact_match, f1, word_overlap
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import report

OURS = {
    "precision": lambda reply, golds: word_overlap(reply, *golds).precision,
    "recall": lambda reply, golds: word_overlap(reply, *golds).recall,
    "f1": lambda reply, golds: f1(reply, *golds),
    "exact": lambda reply, golds: float(exact_match(reply, *golds)),
    "bleu-1": lambda reply, golds: bleu(reply, *golds, k=1),
    "bleu-2": lambda reply, golds: bleu(reply, *golds, k=2),
    "bleu-3": lambda reply, golds: bleu(reply, *golds, k=3),
    "bleu-4": lambda reply, golds: bleu(reply, *golds, k=4),
    "intra-1": lambda reply, _: intra_distinct(reply, 1),
    "intra-2": lambda reply, _: intra_distinct(reply, 2),
}
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@pytest.fixture(scope="module")
def golden():
    file = pathlib.Path(__file__).with_name("parlai_golden.json.gz")
    return json.loads(gzip.decompress(file.read_bytes()))


def test_the_pairs_are_many_and_odd(golden):
    replies = [reply for reply, _ in golden["pairs"]]
    texts = [text for reply, golds in golden["pairs"] for text in (reply, *golds)]
    assert golden["package"] == "parlai==1.7.2"
    assert len(replies) >= 2000
    for sign in ("кот", "🐈", "早上好", "\u200d", "\u00a0", "’", "_", "\n"):
        assert sum(sign in text for text in texts) >= 20, repr(sign)
    assert replies.count("") >= 20
    assert sum(len(golds) > 1 for _, golds in golden["pairs"]) >= 400
    assert set(golden["scores"]) == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_of_each_pair(golden, name):
    expected = golden["scores"][name]
    found = [OURS[name](reply, golds) for reply, golds in golden["pairs"]]
    different = [
        (pair, theirs, ours)
        for pair, theirs, ours in zip(golden["pairs"], expected, found, strict=True)
        if ours != pytest.approx(theirs, **CLOSE)
    ]
    assert not different, different[:3]
    assert len(set(expected)) > (1 if name == "exact" else 20)


def test_of_all_pairs(golden):
    targets = [
        ScoredTarget(str(i), str(i), gold_reply=golds[0], reply=reply)
        for i, (reply, golds) in enumerate(golden["pairs"])
        if len(golds) == 1 and golds[0]
    ]
    theirs = golden["totals"]
    assert theirs["exs"] == len(targets) > 1500
    ours = report(targets, bootstrap_samples=0)
    names = {
        "f1": "reply_f1",
        "accuracy": "reply_exact",
        "bleu-4": "reply_bleu_4",
        "intradistinct-1": "reply_intra_distinct_1",
        "intradistinct-2": "reply_intra_distinct_2",
        "interdistinct-1": "reply_inter_distinct_1",
        "interdistinct-2": "reply_inter_distinct_2",
    }
    for their, our in names.items():
        assert ours[our]["value"] == pytest.approx(theirs[their], rel=1e-9), our
    parts = [InterDistinct.of([target.reply for target in targets[i::3]], 2) for i in range(3)]
    assert (parts[0] + parts[1] + parts[2]).value == pytest.approx(theirs["interdistinct-2"], rel=1e-9)


def test_of_rankings(golden):
    golds = [golds[0] for _, golds in golden["pairs"]]
    lists = zip(golden["rankings"], golden["hits"], strict=True)
    seen = set()
    for (candidates, labels), theirs in lists:
        texts = [golds[i] for i in candidates]
        true = gold_indices(texts, *(golds[i] for i in labels))
        best_first = [-float(place) for place in range(len(texts))]
        ours = [int(bool(true) and hit(best_first, true, k)) for k in (1, 5, 10, 100)]
        assert ours == theirs
        seen.add(tuple(ours))
    assert seen == {(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1)}
