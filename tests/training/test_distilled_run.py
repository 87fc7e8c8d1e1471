"""A student's run through the verb that trains: stopped and gone on with, in parts, with answers that are written."""

import numpy as np
import pytest

from persona_tf import __main__
from persona_tf.npz_file import read_npz
from persona_tf.run_dir import RunDir
from persona_tf.training.tensorflow_step import TensorFlowStep

SMALL = (
    "TRAIN_DIALOGUES=12",
    "STEPS=4",
    "VALIDATE_EVERY_STEPS=4",
    "BATCH_TOKENS=512",
    "VOCABULARY_SIZE=420",
    "TrainConfig.validation_examples=4",
    "DecodeConfig.max_reply_tokens=4",
    "DecodeConfig.max_action_tokens=3",
)
OF_TEACHER = ("ModelConfig.width=32", "ModelConfig.heads=2", "ModelConfig.feed_forward=32")
TAUGHT = ("TrainConfig.accumulate=2", "DistillConfig.written_share=0.5", "ModelConfig.dropout=0.2")


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Experiment, folder and bindings -> the exit status of the verb, which here does not evaluate."""
    monkeypatch.setattr("persona_tf.evaluation.commands.evaluate", lambda *_, **__: None)

    def train(experiment, run, *bindings):
        words = ["train", f"--experiment={experiment}", f"--run={tmp_path / run}", f"--data_dir={tmp_path / 'data'}"]
        return __main__.main([*words, *(f"--gin.{binding}" for binding in (*SMALL, *bindings))])

    return train


@pytest.mark.slow
def test_a_student_that_was_stopped_ends_as_if_nothing_had_been(train, tmp_path, monkeypatch, capsys):
    assert train("distillation", "early", f"TEACHER='{tmp_path / 'teacher'}'", *TAUGHT) == 1
    assert f"no trained bot in {tmp_path / 'teacher'}" in capsys.readouterr().err
    assert not (tmp_path / "early").exists()
    assert train("quickstart", "teacher", *OF_TEACHER) == 0
    taught = (*TAUGHT, f"TEACHER='{tmp_path / 'teacher'}'")
    assert train("distillation", "other", *taught, "VOCABULARY_SIZE=430") == 1
    assert "another vocabulary, of 420 ids" in capsys.readouterr().err
    before = {file: file.read_bytes() for file in (tmp_path / "teacher" / "bundle").iterdir()}
    assert train("distillation", "whole", *taught) == 0
    inner, taken = TensorFlowStep.train, []

    def interrupted(self, *batches):
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(len(batches))
        return inner(self, *batches)

    with monkeypatch.context() as patch:
        patch.setattr(TensorFlowStep, "train", interrupted)
        assert train("distillation", "stopped", *taught) != 0
    assert taken == [2, 2, 2]
    assert train("distillation", "stopped", *taught) == 0
    runs = [RunDir(tmp_path / name) for name in ("whole", "stopped")]
    ends = [read_npz(run.checkpoints / "last.npz", "") for run in runs]
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        np.testing.assert_array_equal(ends[1][name], value, err_msg=name)
    assert any("map" in name for name in ends[0])
    assert list(runs[0].checkpoints.glob("taught_world_*.json"))
    assert not any("map" in name for name in read_npz(runs[0].bundle / "weights.npz", ""))
    assert {file: file.read_bytes() for file in before} == before, "the teacher is as it was"
