"""What is counted on paper, beside what is really taken."""

import json
import pathlib
import subprocess
import sys

import pytest

from persona_tf.model import budget
from persona_tf.training.config import TrainConfig
from persona_tf.training.memory_needed import memory_needed
from persona_tf.training.optimizers import make_optimizer

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("average_decay", [0.0, 0.99])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_state_is_counted_to_the_number(make_model, optimizer, average_decay):
    config = TrainConfig(optimizer=optimizer, average_decay=average_decay)
    model = make_model()
    found = memory_needed(budget.skeleton(model.config), config, budget.Row(8, 8, 8), 1)
    real = make_optimizer(config)
    real.build(model.trainable_variables)
    assert found.gradients == 2 * found.weights == 8 * model.count_params()
    kept = sum(int(variable.numpy().size) for variable in real.variables)
    assert found.optimizer == pytest.approx(4 * kept, abs=4 * 4), "but for the step and the learning rate"
    assert found.activations == budget.activations(model, budget.Row(8, 8, 8))


LARGE = """
import json, pathlib, resource, sys
import numpy as np
from persona_tf import config
from persona_tf.model import budget
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.features import FEATURES
from persona_tf.training.experiment import model_config
from persona_tf.training.memory_needed import memory_needed
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
settings = config.load(sys.argv[1])
sizes = model_config(settings, settings.text.vocabulary_size)
row = budget.Row(16, 16, 16)
counted = memory_needed(budget.skeleton(sizes), settings.train, row, 1)
before = peak()
model = PersonaTransformer(sizes)
model.build()
step = TensorFlowStep(model, make_optimizer(settings.train, model.compute_dtype == "bfloat16"), settings.train)
features = {name: np.zeros((1, 16), np.int32) for name in FEATURES}
place = np.arange(16)[None]
for part in ("knowledge", "history", "target"):
    features[f"{part}_ids"] = (100 + place).astype(np.int32)
    features[f"{part}_position"] = place.astype(np.int32)
features |= {"target_labels": features["target_ids"], "target_head": features["target_ids"] * 0 + 1}
features |= {"history_turn": (place > 0).astype(np.int32), "target_turn": features["target_ids"] * 0 + 2}
old = model.embedding.tokens.numpy()[100].copy()
loss = float(step.train(features)["loss"])
moved = float(np.abs(model.embedding.tokens.numpy()[100] - old).max())
print(json.dumps({"params": model.count_params(), "loss": loss, "moved": moved, "counted": sum(counted),
                  "measured": peak() - before}))
"""


@pytest.mark.slow
def test_large_takes_a_step_in_the_memory_that_was_counted(tmp_path):
    """More than 300 M weights, with AdamW, on 48 tokens: 7.3 GB of weights, gradients, these clipped, and moments.

    What is resident may be far less: the clipped gradients need not all be there at once, and some systems take pages
    back that were not touched for a while.
    """
    file = tmp_path / "large.gin"
    lines = ["include 'experiments/quickstart/config.gin'", "include 'gin/model/large.gin'", "OPTIMIZER = 'adamw'"]
    file.write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["params"] > 300e6
    assert 0 < found["loss"] < 30
    assert found["moved"] > 0
    assert 4 * found["params"] < found["measured"] < 1.25 * found["counted"]
