import dataclasses
import pathlib
from typing import Any

import pytest

from persona_tf import config
from persona_tf.data.sources import SOURCES

ROOT = pathlib.Path(__file__).resolve().parents[1]

GOOD = """\
# What is asked?
include 'gin/base.gin'

Experiment.name = "demo"
Experiment.minutes = 3
STEPS = 7
"""
BASE = """\
STEPS = %gin.REQUIRED
SEED = 0
DataConfig.source = "world"
DataConfig.options = {"train": %SEED}
TrainConfig.steps = %STEPS
TrainConfig.seed = %SEED
TrainConfig.learning_rate = 1
EvalConfig.splits = ("test", "test_unseen")
"""


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with one experiment, ``demo``; returns a function that writes its files."""
    monkeypatch.setattr(config, "root", lambda: tmp_path)

    def write(demo: str = GOOD, base: str = BASE) -> pathlib.Path:
        for path, text in {"gin/base.gin": base, "experiments/demo/config.gin": demo}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    write()
    return write


def message(*bindings: str, experiment: str = "demo") -> str:
    with pytest.raises(config.ConfigError) as caught:
        config.load(experiment, bindings)
    return str(caught.value)


def test_an_experiment_becomes_dataclasses(clone):
    settings = config.load("demo")
    assert settings.experiment == config.Experiment("demo", 3)
    assert settings.train.steps == 7
    assert settings.train.learning_rate == 1.0
    assert settings.data.options == {"train": 0}
    assert settings.evaluate.splits == ("test", "test_unseen")


def test_fields_of_settings_are_those_of_the_table():
    fields = [f for f in dataclasses.fields(config.Settings) if not f.name.endswith("_text")]
    assert [f.type for f in fields] == list(config.CONFIGS.values())


def test_bindings_override_and_reach_every_use(clone):
    settings = config.load("demo", ["SEED=5", "DecodeConfig.method=sample", "TrainConfig.learning_rate=0.5"])
    assert (settings.train.seed, settings.data.options) == (5, {"train": 5})
    assert (settings.decode.method, settings.train.learning_rate) == ("sample", 0.5)


def test_examples_know_what_is_kept_of_a_history_unless_they_are_told(clone):
    known = config.load("demo", ["TextConfig.history_tokens=300"]).example.history_tokens
    assert (known, config.load("demo", ["ExampleConfig.history_tokens=7"]).example.history_tokens) == (300, 7)


def test_the_text_of_a_config_loads_again(clone, tmp_path):
    settings = config.load("demo", ["SEED=5"])
    (tmp_path / "copy.gin").write_text(settings.config_text)
    assert config.load(tmp_path / "copy.gin") == settings


def test_operative_text_has_the_defaults(clone):
    settings = config.load("demo")
    assert "TrainConfig.clip_norm = 1.0" in settings.operative_text
    assert "clip_norm" not in settings.config_text


def test_loading_leaves_nothing_for_the_next(clone):
    config.load("demo", ["DecodeConfig.top_k=9"])
    assert config.load("demo").decode.top_k is None


def test_comments_and_order_do_not_change_the_text(clone):
    before = config.load("demo").config_text
    clone(GOOD.replace("STEPS = 7", "# seven\nSTEPS = 7"))
    assert config.load("demo").config_text == before


@pytest.mark.parametrize("name", ["dem", "", "demo2"])
def test_an_unknown_experiment_lists_those_that_exist(clone, name):
    with pytest.raises(FileNotFoundError, match=r"(?s)demo +What is asked\?"):
        config.load(name)


def test_elsewhere_than_in_a_clone_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "__file__", str(tmp_path / "site" / "persona_tf" / "config.py"))
    with pytest.raises(FileNotFoundError, match="clone"):
        config.root()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TrainConfg.steps = 3", "config.gin:7: there is no TrainConfg; did you mean TrainConfig?"),
        ("TrainConfig.stepz = 3", "config.gin:7: TrainConfig has no field 'stepz'; did you mean steps?"),
        ("TrainConfig.zzz = 3", "it has steps, batch_tokens"),
        ("STEP = 3", "config.gin:7: nothing uses the macro STEP; did you mean STEPS?"),
        ("steps = 3", "did you mean STEPS?"),
        ("TrainConfig.batch_tokens = %BATCH", "config.gin:7: the macro %BATCH is not defined"),
        ("SEED = %SEED", "is defined by itself"),
        (
            "TrainConfig.clip_norm = '1'",
            "config.gin:7: TrainConfig.clip_norm must be of type float, got '1' (str)",
        ),
        ("TrainConfig.clip_norm = True", "must be of type float, got True (bool)"),
        ("TrainConfig.batch_tokens = 2.0", "must be of type int, got 2.0 (float)"),
        ("ModelConfig.copy_head = 1", "must be of type bool, got 1 (int)"),
        ("ExampleConfig.kinds = ('persona')", 'such as ("a", "b") or ("a",), got \'persona\' (str)'),
        ("ExampleConfig.kinds = ('persona', 1)", "must be of type tuple[str, ...]"),
        ("DataConfig.options = [1]", "DataConfig.options must be of type dict"),
        ("DecodeConfig.top_p = 7", "config.gin:7)"),
        ("a/TrainConfig.seed = 3", "scopes"),
        ("TrainConfig.clip_norm = @TrainConfig()", "only plain values"),
        ("import os", "expected `include '...'`"),
        ("STEPS = 8", "STEPS is bound at"),
        ("include 'gin/base.gin'", "includes come first"),
        ("TrainConfig.clip_norm = (1", "not closed"),
        ("TrainConfig.clip_norm = one", "config.gin:7:"),
        ("TrainConfig.steps = 3", "nothing uses the macro STEPS"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(clone, line, expected):
    clone(GOOD + line + "\n")
    assert expected in message()


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        ("STEP=3", "--gin.STEP=3: nothing uses the macro STEP; did you mean STEPS?"),
        ("STEPS=many", "--gin.STEPS=many: TrainConfig.steps must be of type int, got 'many' (str)"),
        (
            "STEPS=-1",
            "TrainConfig.steps must not be negative, got -1 (TrainConfig.steps is set at --gin.STEPS=-1)",
        ),
        ("STEPS", "expected NAME=VALUE"),
        ("=3", "expected NAME=VALUE"),
        ("STEPS=", "expected NAME=VALUE"),
        ("STEPS=3\nSEED=4", "expected one NAME=VALUE"),
        ("STEPS=3 4", "--gin.STEPS=3 4"),
        ("STEPS=%gin.REQUIRED", "STEPS is required"),
        ("TrainConfig.steps=3", "macro STEPS any more, since --gin.TrainConfig.steps=3 is in its place: set STEPS"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(clone, binding, expected):
    assert expected in message(binding)


def test_a_required_macro_that_nothing_sets_is_named_with_its_place(clone):
    clone(GOOD.replace("STEPS = 7\n", ""))
    assert "STEPS is required" in message()
    assert "base.gin:1" in message()


def test_a_field_without_default_is_required(clone):
    clone(base=BASE.replace('DataConfig.source = "world"\n', ""))
    assert "DataConfig.source is required" in message()
    assert "add `DataConfig.source = ...` to " in message()
    assert "experiments/demo/config.gin" in message()


def test_the_name_is_that_of_the_folder(clone):
    clone(GOOD.replace('"demo"', '"other"'))
    assert "the name of the folder, got 'other'" in message()


def test_an_include_that_is_missing_names_who_includes_it(clone):
    clone(GOOD.replace("base.gin", "bass.gin"))
    with pytest.raises(FileNotFoundError, match=r"bass\.gin, included by .*config\.gin"):
        config.load("demo")


def test_includes_in_a_circle_are_an_error(clone):
    clone(base="include 'experiments/demo/config.gin'\n")
    assert "in turn" in message()


@pytest.mark.parametrize("path", ["gin/base.gin", "experiments/demo/config.gin"])
def test_bytes_that_are_no_text_are_named_with_their_line(clone, path):
    file = clone() / path
    file.write_bytes(b"# What is\n" + b"# asked\xff?\n" + file.read_bytes())
    assert f"{path}:2: expected text in UTF-8" in message()


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_taken(clone):
    file = clone() / "experiments/demo/config.gin"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert config.load("demo").train.steps == 7
    assert config.experiments() == {"demo": "What is asked?"}


def test_an_experiment_that_cannot_be_read_does_not_hide_the_others(clone):
    folder = clone() / "experiments"
    for name in ("binary", "folder", "link"):
        (folder / name).mkdir()
    (folder / "binary" / "config.gin").write_bytes(b"# \xff?\n\xff")
    (folder / "folder" / "config.gin").mkdir()
    (folder / "link" / "config.gin").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match=r"did you mean demo\?(?s:.*) demo +What is asked"):
        config.load("demi")


def test_a_folder_in_the_place_of_a_file_is_said_to_be_none(clone):
    folder = clone()
    (folder / "gin/base.gin").unlink()
    (folder / "gin/base.gin").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no config file .*base\.gin, included by"):
        config.load("demo")


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, True),
        (1, int, True),
        (1.0, int, False),
        (True, int, False),
        (True, float, False),
        (True, bool, True),
        (1, bool, False),
        ((1, 2), tuple[int, int], True),
        ((1, 2, 3), tuple[int, int], False),
        ((), tuple[str, ...], True),
        ([1], tuple[int, ...], False),
        (None, int | None, True),
        ("a", int | None, False),
        ({}, dict[str, int], True),
        (object(), Any, True),
    ],
)
def test_fits(value, hint, expected):
    assert config.fits(value, hint) is expected


@pytest.mark.parametrize("name", sorted(config.experiments()))
def test_every_experiment_loads_and_is_short(name):
    settings = config.load(name)
    lines = (ROOT / "experiments" / name / "config.gin").read_text().splitlines()
    header = [line for line in lines if line.startswith("#")]
    own = [line for line in lines if line and not line.startswith(("#", "include"))]
    assert len(own) <= 10
    assert [line.split(":")[0] for line in header[1:3]] == ["# Source", "# Cost"]
    assert f"{settings.experiment.minutes:g} minutes" in header[2]
    assert (ROOT / "experiments" / name / "README.md").is_file()


def test_every_fragment_is_used_or_one_of_several():
    included = {line.split("'")[1] for f in ROOT.glob("**/*.gin") for line in f.open() if line.startswith("include")}
    fragments = {str(f.relative_to(ROOT)) for f in ROOT.glob("gin/**/*.gin")}
    kinds = ("mixins", "decoding", "data", "model", "training")
    alternatives = {f for f in fragments if f.startswith(tuple(f"gin/{kind}/" for kind in kinds))}
    # An experiment may also be another one with a few lines that differ.
    assert included <= fragments | {f"experiments/{name}/config.gin" for name in config.experiments()}
    assert not fragments - included - alternatives


@pytest.mark.parametrize("data", sorted((ROOT / "gin" / "data").glob("*.gin")), ids=lambda f: f.stem)
def test_what_is_read_can_be_changed(data, tmp_path):
    text = (ROOT / "experiments/light_base/config.gin").read_text()
    (tmp_path / "other.gin").write_text(text.replace("gin/data/light.gin", str(data.relative_to(ROOT))))
    settings = config.load(tmp_path / "other.gin")
    source = SOURCES[settings.data.source]
    assert data.stem.split("_")[0] == source.name
    for part in settings.data.parts.values():
        assert set(part.options_of_training) <= set(SOURCES[part.source].options)
    assert {settings.data.train_split, settings.data.valid_split, *settings.evaluate.splits} <= set(source.splits)


@pytest.mark.parametrize("model", sorted((ROOT / "gin" / "model").glob("*.gin")), ids=lambda f: f.stem)
def test_every_size_can_be_chosen(model, tmp_path):
    text = f"include 'experiments/quickstart/config.gin'\ninclude '{model.relative_to(ROOT)}'\n"
    trained = "include 'gin/training/light_2022.gin'\nSTEPS = 10\n" if model.stem == "light_2022" else ""
    (tmp_path / "sized.gin").write_text(text + trained)
    settings = config.load(tmp_path / "sized.gin")
    widths = {"mini": 64, "bag": 128, "tiny": 128, "slim": 192, "base": 512, "large": 1024}
    assert settings.model.width == widths.get(model.stem, 256)
    assert (settings.train.schedule == "constant") == bool(trained)


@pytest.mark.parametrize("mixin", sorted((ROOT / "gin" / "mixins").glob("*.gin")), ids=lambda f: f.stem)
def test_a_mixin_changes_an_experiment(mixin, tmp_path):
    whole = config.load("light_base")
    text = (ROOT / "experiments/light_base/config.gin").read_text()
    head, _, rest = text.partition("\nExperiment.")
    (tmp_path / "mixed.gin").write_text(f"{head}\ninclude '{mixin.relative_to(ROOT)}'\nExperiment.{rest}")
    mixed = config.load(tmp_path / "mixed.gin")
    parts = ("data", "text", "example", "model", "train")
    assert any(getattr(mixed, part) != getattr(whole, part) for part in parts)
