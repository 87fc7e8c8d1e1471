import sys
import types

import pytest

from persona_tf import config
from persona_tf.run_dir import RunDir


@pytest.fixture
def rooms(monkeypatch):
    """Stands in for the rooms that take minutes; returns what they were called with."""
    calls = []

    def put(name, function):
        def called(*args, **kwargs):
            calls.append((function, args, kwargs))

        module = types.SimpleNamespace(**{function: called}, Hooks=lambda *hooks: hooks)
        monkeypatch.setitem(sys.modules, name, module)
        package, _, child = name.rpartition(".")
        monkeypatch.setattr(__import__(package, fromlist=["x"]), child, module, raising=False)

    put("persona_tf.training.experiment", "train")
    put("persona_tf.evaluation.evaluator", "evaluate")
    put("persona_tf.evaluation.override.experiment", "evaluate_override")
    put("persona_tf.evaluation.memory.experiment", "evaluate_memory")
    put("persona_tf.serving.terminal", "chat")
    put("persona_tf.bench.bench", "main")
    return calls


@pytest.fixture
def run(tmp_path):
    """A run of quickstart with an (empty) bundle."""
    settings = config.load("quickstart")
    made = RunDir.create(tmp_path / "run", "quickstart", settings.config_text, "test")
    made.bundle.mkdir()
    return made
