import dataclasses
import math

from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.notes import notes
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import NAMES, report

TALK = [
    ScoredTarget(f"{e}/1", e, gold_reply="good day", reply="good day sir", reply_nats=2.0, reply_tokens=3) for e in "ab"
]


def told(targets):
    return notes(targets, report(targets, bootstrap_samples=10))


def test_the_libraries_sign():
    lines = told(TALK)
    assert lines[0].startswith("reply_corpus_bleu: sacreBLEU nrefs:1|")
    assert lines[1].startswith("reply_rouge: rouge-score ")


def test_each_metric_is_in_the_table_or_said_to_be_missing():
    metrics = report(TALK)
    [absent] = [line for line in told(TALK) if line.startswith("Does not apply")]
    for name in NAMES:
        assert (name in metrics) != (f" {name}" in absent), name
    assert "reply_word_ppl (no reply_nats and reply_words)" in absent
    assert "action_accuracy, action_accuracy_per_token, action_decision_f1 (no gold_action)" in absent
    assert "knowledge_r1 (no knowledge_gold or no knowledge_chosen)" in absent
    assert "probe_history_missing_accuracy" in absent
    assert "probe_unanswerable_accuracy" in absent
    assert "(no such probes)" in absent
    assert "reply_persona_gap, reply_persona_missing_gap, reply_setting_gap" in absent
    assert "reply_history_missing_gap, reply_facts_found_gap, reply_facts_none_gap (no such changed_nats)" in absent
    assert "knowledge_f1 (no knowledge_texts)" in absent
    assert "leant_on_precision, leant_on_recall (no knowledge_gold or no leant_on)" in absent


def test_it_says_how_many_probes_were_asked_again():
    asked = [dataclasses.replace(t, source="persona", value="Rex") for t in TALK]
    assert "probe_persona_missing_accuracy (none was asked again without what tells it)" in " ".join(told(asked))
    assert "probe_persona_swapped_accuracy, probe_persona_leak (none was asked again with another value)" in " ".join(
        told(asked)
    )
    again = [dataclasses.replace(asked[0], missing="Hm."), asked[1]]
    line = "missing: probes asked again without all that tells the answer: persona 1 of 2."
    assert line in told(again)
    assert line.replace("1 of 2", "all 1") in told(again[:1])
    assert not any(found.startswith("missing:") for found in told(asked))


def test_what_the_bot_does_not_do_is_told_apart_from_what_nobody_does():
    asked = [dataclasses.replace(t, gold_action="hug Tam", source="persona", value="Rex") for t in TALK]
    idle = "action_accuracy, action_accuracy_per_token, action_decision_f1 (the bot chooses no action)"
    assert idle in " ".join(told(asked))
    chooses = [dataclasses.replace(t, action="hug Tam") for t in asked]
    assert "action_accuracy_per_token (no action_per_token)" in " ".join(told(chooses))
    assert "action_decision_f1 (no action_generated)" in " ".join(told(chooses))
    silent = [dataclasses.replace(t, reply="") for t in asked]
    assert "Empty replies: all 2." in told(silent)
    assert "reply_rouge_L" in " ".join(told(silent))
    assert "probe_persona_accuracy (all replies are empty)" in " ".join(told(silent))
    dumb = [dataclasses.replace(t, knowledge_texts=("Rex",)) for t in silent]
    assert "knowledge_f1, " in " ".join(told(dumb)).partition("(all replies are empty)")[0]
    assert "Empty replies: 1 of 2." in told([TALK[0], silent[1]])
    assert "reply_f1" in " ".join(told([dataclasses.replace(t, reply=" \n") for t in TALK])), "blanks say nothing"


def test_gold_replies_without_a_likelihood_are_counted():
    line = "Likelihoods: without 1 of 2 gold replies, too long or not scored."
    assert line in told([TALK[0], dataclasses.replace(TALK[1], reply_nats=0.0, reply_tokens=0)])
    none = [dataclasses.replace(t, reply_nats=0.0, reply_tokens=0) for t in TALK]
    assert not any(found.startswith("Likelihoods") for found in [*told(TALK), *told(none)])


def test_it_is_told_among_how_many_a_reply_was_to_be_found():
    def ranked(count):
        return Ranked(("good day", *map(str, range(count - 1))), (1.0,) * count, (1,) * count)

    twenty, three = (dataclasses.replace(t, ranked=ranked(n)) for t, n in zip(TALK, (20, 3), strict=True))
    assert "reply_r1, reply_r5, reply_mrr: among 20 candidates." in told([twenty, TALK[1]])
    assert "reply_r1, reply_r5, reply_mrr: among 20 candidates, or as few as 3." in told([twenty, three])
    assert not any("candidates" in line for line in told(TALK))


def test_replies_of_one_word_have_no_pairs():
    short = [dataclasses.replace(t, reply="yes") for t in TALK]
    assert "reply_inter_distinct_2 (no reply has so many words)" in " ".join(told(short))


def test_nats_that_are_no_number_are_traced():
    spoilt = [TALK[0], dataclasses.replace(TALK[1], reply_nats=math.nan)]
    [line] = [line for line in told(spoilt) if line.startswith("No number")]
    assert line == "No number: reply_ppl. The nats are none: of 1 of 2 targets, first 'b/1'; has the model diverged?"


def test_one_dialogue_has_no_intervals_and_nothing_has_no_figures():
    assert "One dialogue: there is nothing to draw intervals from." in told(TALK[:1])
    assert not any("One dialogue" in line for line in told(TALK))
    [line] = told([])
    assert line.startswith("Does not apply: reply_ppl, ")
    assert line.endswith("(no targets).")
