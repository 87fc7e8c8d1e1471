import json

import numpy as np
import pytest

from persona_tf.data import gold_knowledge as labels
from persona_tf.evaluation.gold_knowledge import (
    SWEEP,
    Turns,
    best_threshold,
    figures,
    main,
    scored,
    toloka_turns,
    world_turns,
)

FACTS = ("I have two dogs.", "I love music.", "My dogs sing.")


def test_pairs_of_a_turn_and_a_fact_are_scored():
    judged = [
        ("a", "My dogs love it.", FACTS, frozenset({0})),
        ("b", "No.", FACTS[:1], frozenset()),
        ("a", "Music!", FACTS, frozenset({1, 2})),
    ]
    turns = scored("t", judged, "en")
    assert (turns.turns, turns.dialogues) == (3, 2)
    assert turns.scores.tolist() == [0.5, 0.1, 0.5, 0.0, 0.0, 1.0, 0.0]
    assert turns.gold.tolist() == [True, False, False, False, False, True, True]
    assert turns.dialogue.tolist() == [0, 0, 0, 1, 0, 0, 0]


def test_figures_by_hand():
    scores, gold = np.array([1.0, 0.5, 1.0, 0.0, 0.0]), np.array([True, True, False, False, True])
    found = figures(Turns("t", 3, scores, gold, np.array([0, 0, 1, 1, 2])), 1.0)
    counts = {name: found[name] for name in ("labelled", "gold", "right", "turns", "dialogues")}
    assert counts == {"labelled": 2, "gold": 3, "right": 1, "turns": 3, "dialogues": 3}
    assert found["precision"] == 1 / 2
    assert found["recall"] == 1 / 3
    # F0.5 = 1.25 P R / (.25 P + R)
    assert found["f"] == pytest.approx(1.25 * (1 / 6) / (0.125 + 1 / 3))
    for name in ("precision", "recall"):
        assert 0 <= found[f"{name}_low"] <= found[name] <= found[f"{name}_high"] <= 1


def test_what_scores_nothing_is_never_labelled():
    turns = Turns("t", 1, np.zeros(3), np.array([True, False, False]), np.zeros(3, int))
    found = figures(turns, 0.0, samples=0)
    assert (found["labelled"], found["precision"], found["recall"], found["f"]) == (0, 0.0, 0.0, 0.0)


def test_the_best_threshold_parts_right_from_wrong():
    scores = np.array([0.1, 0.3, 0.5, 1.1, 1.5, 2.0])
    turns = Turns("t", 6, scores, scores > 0.6, np.arange(6))
    # 0.7, 1 and 1.1 part them alike.
    assert best_threshold(turns) == 1.1
    assert best_threshold(Turns("t", 6, scores, scores > 0.4, np.arange(6))) == 0.5


def test_turns_of_the_world(tmp_path):
    kinds = {kind: list(world_turns("test", tmp_path, kind, 20)) for kind in ("asked", "said", "all")}
    assert len(kinds["asked"]) == len(kinds["said"]) < len(kinds["all"])
    for (_, reply, facts, used), (_, _, _, said) in zip(kinds["asked"], kinds["said"], strict=True):
        assert said <= used
        assert used <= set(range(len(facts)))
        assert reply
    assert sum(bool(used) for _, _, _, used in kinds["asked"]) > len(kinds["asked"]) // 2
    assert sum(bool(said) for _, _, _, said in kinds["said"]) > len(kinds["said"]) // 2


def dialogue(number, gold=True):
    turns = ((0, f"У меня кот {number}.", [1]), (1, "А я пою.", [0]), (0, "Хлеб пеку.", []))
    dialog = [{"person": who, "text": text, **({"gk": used} if gold else {})} for who, text, used in turns]
    persons = [["Я пеку хлеб.", "У меня есть кот."], ["Я пою."]]
    return json.dumps({"persons": persons, "dialog": dialog}, ensure_ascii=False)


def test_the_command_leaves_figures(tmp_path, capsys):
    folder = tmp_path / "data" / "toloka"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text("\n".join(map(dialogue, range(60))), encoding="utf-8")
    words = [f"--data_dir={tmp_path / 'data'}", f"--folder={tmp_path / 'out'}", "--world_size=20"]
    main(words)
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert set(found) == set(labels.THRESHOLDS)
    (russian,) = found["ru"]["measured"].values()
    assert russian["precision"] == pytest.approx(2 / 3)
    assert russian["recall"] == 1.0
    assert [row["threshold"] for row in found["en"]["tuning"]["sweep"]] == list(SWEEP)
    shown = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.endswith(shown + "\n")
    assert "| toloka valid and test |       0.5 |    66.7 % |" in shown


def test_files_that_do_not_say_are_told(tmp_path):
    (tmp_path / "toloka").mkdir()
    (tmp_path / "toloka" / "b.jsonl").write_text(dialogue(0, gold=False), encoding="utf-8")
    judged = toloka_turns(("train", "valid", "test"), tmp_path, "b.jsonl")
    with pytest.raises(ValueError, match=r"toloka: no turn of which is known .* name that file with --toloka_file"):
        scored("toloka", judged, "ru")
