import dataclasses
import types

import pytest

from persona_tf import config
from persona_tf.training import experiment, teacher
from persona_tf.training.distill_config import DistillConfig
from persona_tf.training.teacher import Teacher, check_can_be_taught, check_fits


@pytest.fixture(scope="module")
def settings():
    """Those of the distillation: the student of quickstart."""
    return config.load("distillation")


@pytest.fixture(scope="module")
def of_quickstart():
    """A teacher as quickstart trains it, without weights."""
    made = config.load("quickstart")
    return Teacher(made.text, made.example, made.model, load=lambda: None, answer=lambda: None)


def _changed(settings, room, **fields):
    return dataclasses.replace(settings, **{room: dataclasses.replace(getattr(settings, room), **fields)})


def test_the_student_of_quickstart_fits_it(settings, of_quickstart):
    check_fits(of_quickstart, settings)


def test_the_twin_differs_in_the_teaching_alone(settings):
    twin = config.load("distillation_twin")
    for room in ("data", "text", "example", "model", "train", "decode", "evaluate"):
        assert getattr(twin, room) == getattr(settings, room)
    assert twin.distill.teacher == settings.distill.teacher
    assert settings.distill.accompanies
    assert not twin.distill.accompanies


@pytest.mark.parametrize(
    ("room", "fields", "said"),
    [
        ("text", {"vocabulary_size": 900}, "another vocabulary, of 4000 ids where .* is 900: set VOCABULARY_SIZE=4000"),
        (
            "example",
            {"learn_action": False},
            "other heads: its ExampleConfig.learn_action is True, the student's False",
        ),
        ("example", {"emotes": ("joy",)}, "has other heads: its ExampleConfig.emotes is"),
        ("example", {"knowledge_as_history": True}, "is shown its knowledge elsewhere: its .*knowledge_as_history"),
        ("model", {"copy_head": False}, "its ModelConfig.copy_head is True, the student's False"),
        ("model", {"decoder_layers": 3}, "expected ModelConfig.decoder_layers of at most 2, got 3; take fewer"),
        (
            "model",
            {"encoder_layers": 4},
            "layers cannot be mapped to those of runs/quickstart/0: expected .* at most 2",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_told(settings, of_quickstart, room, fields, said):
    with pytest.raises(ValueError, match=said):
        check_fits(of_quickstart, _changed(settings, room, **fields))


def test_a_teacher_that_reads_all_turns_has_one_target_at_a_time(settings, of_quickstart):
    whole = dataclasses.replace(of_quickstart, sizes=dataclasses.replace(of_quickstart.sizes, history="whole"))
    with pytest.raises(ValueError, match=r"set ExampleConfig\.max_targets to 1, it is 8"):
        check_fits(whole, settings)
    check_fits(whole, _changed(settings, "example", max_targets=1))


def test_what_is_not_used_need_not_fit(settings, of_quickstart):
    soft = _changed(_changed(settings, "distill", hidden_weight=0.0), "model", encoder_layers=9)
    check_fits(of_quickstart, soft)
    hidden = _changed(_changed(settings, "distill", soft_weight=0.0), "model", copy_head=False)
    check_fits(of_quickstart, hidden)


def test_who_cannot_be_taught(settings, monkeypatch):
    check_can_be_taught(settings, 1)
    with pytest.raises(ValueError, match="trained in one process, on one GPU at most, got 2: leave out --w"):
        check_can_be_taught(settings, 2)
    with pytest.raises(ValueError, match="this trains a retriever"):
        check_can_be_taught(_changed(settings, "experiment", task="retrieve"), 1)
    monkeypatch.setattr(teacher, "keras", types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: "jax")))
    with pytest.raises(ValueError, match="on TensorFlow alone; unset KERAS_BACKEND"):
        check_can_be_taught(settings, 1)
    check_can_be_taught(dataclasses.replace(settings, distill=DistillConfig()), 2)


def test_a_teacher_that_is_not_there_is_told_with_what_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no trained bot in .*nobody\. DistillConfig.teacher names it, so"):
        teacher.teacher_vocabulary(str(tmp_path / "nobody"))
    (tmp_path / "run" / "bundle").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"vocabulary.model: not there; the teacher's bundle has it"):
        teacher.teacher_vocabulary(str(tmp_path / "run"))


def test_the_student_takes_its_teachers_vocabulary_and_refuses_another(settings, bundle_dir, tmp_path):
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "bundle").symlink_to(bundle_dir)
    own = _changed(settings, "distill", teacher=str(tmp_path / "teacher"))
    run = types.SimpleNamespace(checkpoints=tmp_path / "checkpoints")
    theirs = (bundle_dir / "vocabulary.model").read_bytes()
    for _ in range(2):
        assert experiment.run_vocabulary(own, run, tmp_path) == theirs
    (run.checkpoints / "vocabulary.model").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"has another vocabulary \(\w+\) than .*was it trained anew\?"):
        experiment.run_vocabulary(own, run, tmp_path)


def test_teachers_are_told_apart_by_what_they_say(bundle_dir, tmp_path):
    runs = [tmp_path / name for name in ("one", "two")]
    for run in runs:
        (run / "bundle").mkdir(parents=True)
        for file in bundle_dir.iterdir():
            (run / "bundle" / file.name).write_bytes(file.read_bytes())
    assert len({teacher.teacher_fingerprint(str(run)) for run in runs}) == 1
    (runs[1] / "bundle" / "weights.npz").write_bytes(b"other")
    assert len({teacher.teacher_fingerprint(str(run)) for run in runs}) == 2
