"""`compare` on small fake runs: what folders stand for, what does not belong together, tables and curves."""

import dataclasses
import json
import os
import shutil

import pytest

from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.commands import compare
from persona_tf.evaluation.comparison import run_group
from persona_tf.evaluation.comparison.learning_curves import read_curves
from persona_tf.evaluation.comparison.table import compare_runs, markdown_comparison
from persona_tf.evaluation.prediction_file import CHANGES, ScoredTarget, write_predictions
from persona_tf.run_dir import RunDir
from persona_tf.training.summaries import SummaryWriter


def targets(shift=0.0, right=0.5, dialogues=12, tokens=4, **fields):
    found = []
    for i in range(2 * dialogues):
        reply = "Rook." if i % 10 < 10 * right else "Fig."
        asked = {"source": "persona", "value": "Rook", "gold_reply": "It is Rook.", "reply": reply}
        likely = {"reply_nats": 3.0 + i % 3 + shift, "reply_tokens": tokens, "reply_words": 3, "reply_bytes": 11}
        found.append(ScoredTarget(f"e{i // 2}:1/{i}", f"e{i // 2}", **{**asked, **likely, **fields}))
    return found


def make_run(path, found, split="test", decoding=None, curve=()):
    """A run's folder with predictions, an evaluation and summaries, as `train` leaves it."""
    run = RunDir(path)
    path.mkdir(parents=True, exist_ok=True)
    run.config.write_text("# Experiment: fake\n")
    write_predictions(run.predictions(split), found)
    about = {"decoding": decoding or {"method": "greedy"}, "examples": len(found)}
    run.evaluation(split, "json").parent.mkdir(exist_ok=True)
    run.evaluation(split, "json").write_text(json.dumps(about))
    if curve:
        writer = SummaryWriter(run.summaries)
        for step, loss in curve:
            writer.scalars({"valid/loss": loss, "train/loss": loss / 2}, step)
        writer.close()
    return path


@pytest.fixture
def two(tmp_path):
    one = make_run(tmp_path / "runs" / "alpha" / "0", targets(), curve=[(1, 3.0), (2, 2.0)])
    other = make_run(tmp_path / "runs" / "beta" / "0", targets(0.5, right=0.9), curve=[(1, 2.5), (2, 1.5)])
    return str(one), str(other)


def test_a_table_json_and_a_picture(two, tmp_path, capsys):
    compare(two, ())
    out = capsys.readouterr().out
    text = (tmp_path / "runs" / "compare.md").read_text("utf-8")
    assert text in out
    assert "test: 24 targets in 12 dialogues" in text
    assert "| metric" in text
    assert "alpha/0" in text
    row = next(line for line in text.splitlines() if "probe_persona_accuracy" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "58.3 %"
    assert cells[3:5] == ["91.7 %", "+33.3 %"]
    assert cells[-1] == "**"
    data = json.loads((tmp_path / "runs" / "compare.json").read_text("utf-8"))["test"]
    assert [run["name"] for run in data["runs"]] == ["alpha/0", "beta/0"]
    assert data["runs"][1]["differences"]["probe_persona_accuracy"]["value"] == pytest.approx(8 / 24)
    assert (tmp_path / "runs" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_seeds_stands_for_all_of_them(tmp_path, capsys):
    for seed in range(3):
        make_run(tmp_path / "alpha" / str(seed), targets(0.1 * seed))
        make_run(tmp_path / "beta" / str(seed), targets(0.1 * seed + 1))
    (tmp_path / "beta" / "notes").mkdir()
    compare([tmp_path / "alpha", tmp_path / "beta"], ["test"], str(tmp_path / "x" / "c.md"))
    text = (tmp_path / "x" / "c.md").read_text("utf-8")
    assert "alpha (3 seeds)" in text
    assert "0.538 ± 0.013" in text
    assert "beta and alpha: paired over dialogues and seeds (0, 1, 2)" in text
    [row] = [line for line in text.splitlines() if line.startswith("| reply_bits_per_byte")]
    assert "+0.131" in row
    assert "**" in row
    assert not (tmp_path / "x" / "c.png").exists()
    assert "no learning curves" not in capsys.readouterr().out


def test_seeds_are_in_the_order_of_their_numbers(tmp_path):
    for seed in ("10", "9", "2"):
        make_run(tmp_path / "alpha" / seed, targets())
    make_run(tmp_path / "beta", targets())
    alpha, beta = run_group.find_groups([tmp_path / "alpha", tmp_path / "beta"])
    assert alpha.seeds == ("2", "9", "10")
    assert (alpha.name, beta.name) == ("alpha", "beta")


def test_names_tell_runs_apart(tmp_path):
    paths = [make_run(tmp_path / a / b / "0", targets()) for a, b in (("x", "q"), ("y", "q"), ("x", "p"))]
    assert [group.name for group in run_group.find_groups(paths)] == ["x/q/0", "y/q/0", "x/p/0"]


def test_other_seeds_are_not_paired(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path / "alpha" / str(seed), targets(0.1 * seed))
    groups = run_group.find_groups([tmp_path / "alpha", make_run(tmp_path / "beta", targets(0.1))])
    text = markdown_comparison(compare_runs("test", run_group.read_answers(groups, "test"), 200))
    assert "other seeds, whose deviation is pooled" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gold_reply": "It is Fig."}, "gold_reply is 'It is Fig.', but 'It is Rook.'"),
        ({"value": "Fig"}, "value is 'Fig'"),
        ({"decoys": ("Fig",)}, "decoys"),
        ({"source": "history"}, "source"),
        ({"slot": "home"}, "slot"),
        ({"gold_action": "hug"}, "gold_action"),
        ({"gold_emote": "nod"}, "gold_emote"),
    ],
)
def test_predictions_on_other_data(two, change, words, tmp_path):
    shutil.rmtree(two[1])
    make_run(tmp_path / "runs" / "beta" / "0", targets(**change))
    with pytest.raises(ValueError, match="predictions on other data") as caught:
        compare(two, ())
    assert words in str(caught.value)
    assert f"{two[1]}/predictions/test.jsonl:1" in str(caught.value)
    assert not (tmp_path / "runs" / "compare.md").exists()


def test_other_ids_other_counts_other_decoding(two, tmp_path):
    beta = tmp_path / "runs" / "beta" / "0"
    make_run(beta, [dataclasses.replace(t, id=t.id + "x") for t in targets()])
    with pytest.raises(ValueError, match=r":1: id is 'e0:1/0x', but 'e0:1/0'"):
        compare(two, ())
    make_run(beta, [dataclasses.replace(t, episode="other") for t in targets()])
    with pytest.raises(ValueError, match=r":1: episode is 'other', but 'e0'"):
        compare(two, ())
    make_run(beta, targets(dialogues=11))
    with pytest.raises(ValueError, match=r"has 22 predictions, .* has 24: .*MAX_EXAMPLES"):
        compare(two, ())
    make_run(beta, targets(), decoding={"method": "sample", "top_p": 0.9})
    with pytest.raises(ValueError, match=r"decoded with method sample, top_p 0.9, but .* with method greedy"):
        compare(two, ())
    RunDir(beta).evaluation("test", "json").write_text("{}")
    with pytest.raises(ValueError, match="is no evaluation"):
        compare(two, ())
    make_run(beta, targets())
    RunDir(beta).evaluation("test", "json").write_text('{"decoding": {"method": "greedy"}, "examples": 9}')
    with pytest.raises(ValueError, match=r"is of 9 examples, .* has 24: was an evaluation stopped"):
        compare(two, ())
    write_predictions(RunDir(beta).predictions("test"), [])
    with pytest.raises(ValueError, match="holds no predictions"):
        compare(two, ())


def test_no_run(two, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no run .*nowhere"):
        compare([two[0], tmp_path / "nowhere"], ())
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no run"):
        compare([two[0], tmp_path / "empty"], ())
    with pytest.raises(ValueError, match="two runs or more"):
        compare(two[:1], ())
    with pytest.raises(ValueError, match="--out: expected"):
        compare(two, (), "x.txt")


@pytest.mark.parametrize("ending", ["md", "json"])
def test_what_cannot_be_written_is_told_before_anything_is(two, tmp_path, ending):
    (tmp_path / f"c.{ending}").mkdir()
    with pytest.raises(IsADirectoryError, match=rf"c\.{ending} is to be written, but is a folder.*--out"):
        compare(two, (), str(tmp_path / "c.md"))
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        compare(two, (), str(tmp_path / "runs" / "alpha" / "0" / "config.gin" / "c.md"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"c.{ending}", "runs"]


@pytest.mark.parametrize("first", [b"hello\n", b"[]\n", b"\xff\xfe{\0", b'{"id": "e0'])
def test_a_broken_file_of_predictions_is_not_taken_for_none(two, tmp_path, first):
    path = tmp_path / "runs" / "beta" / "0" / "predictions" / "test.jsonl"
    path.write_bytes(first + path.read_bytes())
    with pytest.raises(ValueError, match=r"test\.jsonl:1: expected"):
        compare(two, ())


def test_a_seed_given_twice(two, tmp_path):
    with pytest.raises(ValueError, match="is given twice"):
        compare([two[0], tmp_path / "runs" / "alpha"], ())
    os.symlink(two[0], tmp_path / "link")
    with pytest.raises(ValueError, match="is given twice"):
        compare([two[0], tmp_path / "link"], ())


def test_a_stopped_run_says_how_to_go_on(two, tmp_path):
    stopped = tmp_path / "runs" / "beta" / "1"
    stopped.mkdir()
    (stopped / "config.gin").write_text("# Experiment: beta\n")
    with pytest.raises(FileNotFoundError, match=f"{stopped} has no predictions.*make train EXP=beta RUN={stopped}"):
        compare([two[0], tmp_path / "runs" / "beta"], ())


def test_splits_in_common(two, tmp_path):
    make_run(tmp_path / "runs" / "alpha" / "0", targets(), "valid")
    groups = run_group.find_groups(two)
    assert run_group.common_splits(groups) == ("test",)
    with pytest.raises(FileNotFoundError, match=r"beta/0 has no predictions on valid \(but on test\)"):
        run_group.common_splits(groups, ["valid"])
    shutil.rmtree(tmp_path / "runs" / "alpha" / "0" / "predictions")
    make_run(tmp_path / "runs" / "alpha" / "0", targets(), "valid")
    with pytest.raises(ValueError, match="no split in common"):
        compare(two, ())


def test_what_else_lies_among_the_predictions_is_no_split(two, tmp_path):
    for name in ("alpha", "beta"):
        other = RunDir(tmp_path / "runs" / name / "0").predictions("override")
        other.write_text('{"id": "a", "kind": "role", "turns": []}\n')
    assert run_group.common_splits(run_group.find_groups(two)) == ("test",)


def test_other_candidates_are_no_comparison(two, tmp_path):
    def ranked(*candidates):
        return targets(ranked=Ranked(candidates, (1.0,) * len(candidates), (1,) * len(candidates)))

    make_run(tmp_path / "runs" / "alpha" / "0", ranked("It is Rook.", "b"))
    make_run(tmp_path / "runs" / "beta" / "0", ranked("It is Rook.", "c"))
    with pytest.raises(ValueError, match="other candidates were ranked"):
        compare(two, ())


def test_no_metric_in_common(tmp_path):
    likely = {"reply_nats": 1.0, "reply_tokens": 2, "reply_words": 2, "reply_bytes": 5}
    one = make_run(tmp_path / "a", [ScoredTarget(f"e/{i}", "e", **likely) for i in range(3)])
    other = make_run(tmp_path / "b", [ScoredTarget(f"e/{i}", "e") for i in range(3)])
    with pytest.raises(ValueError, match=r"no metric in common \(a: reply_ppl, .*; b: none\)"):
        compare([one, other], ())


def test_all_differences_are_counted_that_are_read_together(two, tmp_path):
    third = str(make_run(tmp_path / "runs" / "gamma" / "0", targets(0.2)))
    groups = run_group.find_groups([*two, third])
    found = compare_runs("test", run_group.read_answers(groups, "test"), 100)
    tested = [len([d for d in column.differences.values() if d.low is not None]) for column in found.columns[1:]]
    assert found.comparisons == sum(tested) > tested[0] > 5
    assert f"beyond noise also among {found.comparisons} (Bonferroni)" in markdown_comparison(found)


def test_one_dialogue_has_values_and_no_intervals(tmp_path):
    paths = [make_run(tmp_path / name, targets(dialogues=1)) for name in "ab"]
    groups = run_group.find_groups(paths)
    text = markdown_comparison(compare_runs("test", run_group.read_answers(groups, "test")))
    assert "24" not in text
    assert "With 1 dialogues no interval" in text
    assert " – " not in text.partition("\n\n")[2].partition("\n\n")[0]


def test_perplexities_of_other_tokens_are_left_out(tmp_path):
    shuffled = {"changed_nats": dict.fromkeys(CHANGES, 9.0)}
    paths = [make_run(tmp_path / "a", targets(**shuffled)), make_run(tmp_path / "b", targets(tokens=5, **shuffled))]
    text = markdown_comparison(compare_runs("test", run_group.read_answers(run_group.find_groups(paths), "test"), 100))
    assert "| reply_ppl" not in text
    assert "_gap" not in text
    assert "| reply_bits_per_byte" in text
    assert "the vocabularies differ" in text
    # A bot that was given no likelihood has no tokens at all.
    foreign = [dataclasses.replace(t, reply_nats=0.0, reply_tokens=0) for t in targets()]
    paths = [make_run(tmp_path / "a", targets()), make_run(tmp_path / "b", foreign)]
    text = markdown_comparison(compare_runs("test", run_group.read_answers(run_group.find_groups(paths), "test"), 100))
    assert "| reply_ppl" in text


# ---------------------------------------------------------------------------------------------------- learning curves


def test_curves_are_what_was_written(tmp_path):
    make_run(tmp_path / "a", targets(), curve=[(1, 3.0), (5, 2.0)])
    curves = read_curves(tmp_path / "a" / "summaries")
    assert curves == {"valid/loss": [(1, 3.0), (5, 2.0)], "train/loss": [(1, 1.5), (5, 1.0)]}


def test_what_a_killed_process_wrote_beyond_its_checkpoint_is_dropped(tmp_path):
    first = SummaryWriter(tmp_path)
    for step in (1, 2, 3, 4):
        first.scalars({"train/loss": float(step)}, step)
    first.close()
    again = SummaryWriter(tmp_path, step=2)
    again.scalars({"train/loss": 9.0}, 3)
    again.close()
    assert read_curves(tmp_path)["train/loss"] == [(1, 1.0), (2, 2.0), (3, 9.0)]


def test_a_record_that_was_cut_short_ends_its_file(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.scalars({"a": 1.0}, 1)
    writer.scalars({"a": 2.0}, 2)
    writer.close()
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert read_curves(tmp_path) == {"a": [(1, 1.0)]}


def test_no_events_and_no_event_file(tmp_path, caplog, two):
    with pytest.raises(FileNotFoundError, match="no events"):
        read_curves(tmp_path)
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x03" + b"\0" * 11 + b"abc" + b"\0" * 4)
    with pytest.raises(ValueError, match="is no file of events"):
        read_curves(tmp_path)
    shutil.rmtree(RunDir(tmp_path / "runs" / "beta" / "0").summaries)
    compare(two, ())
    assert "beta/0: no learning curves" in caplog.text
    assert (tmp_path / "runs" / "compare.png").exists()
